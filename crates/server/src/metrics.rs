//! Counters and times in Prometheus' text form (exposition format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Upper bounds of the buckets of times, in seconds.
const BOUNDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What has happened since the start.
#[derive(Debug)]
pub(crate) struct Metrics {
    started: Instant,
    /// By route and status.
    requests: Mutex<BTreeMap<(String, u16), Times>>,
    /// Requests being answered.
    pub(crate) open: AtomicUsize,
    /// Connections.
    pub(crate) connections: AtomicUsize,
    /// Questions refused since too many waited.
    pub(crate) refused: AtomicU64,
    /// Models replaced.
    pub(crate) swaps: AtomicU64,
}

/// How often, and how long.
#[derive(Debug, Clone, Default)]
struct Times {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    seconds: f64,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            requests: Mutex::default(),
            open: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            swaps: AtomicU64::new(0),
        }
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// A request was answered. Routes are those of the router, never paths as clients write them.
    pub(crate) fn answered(&self, route: &str, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let times = requests.entry((route.to_owned(), status)).or_default();
        times.count += 1;
        times.seconds += seconds;
        if let Some(bucket) = BOUNDS.iter().position(|&bound| seconds <= bound) {
            times.buckets[bucket] += 1;
        }
    }

    /// Requests so far, and the time below which a share of those of each route stayed, in seconds (the bound of its bucket).
    pub(crate) fn summary(&self, share: f64) -> Vec<(String, u64, Option<f64>)> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let mut routes: BTreeMap<&str, Times> = BTreeMap::new();
        for ((route, _), times) in &*requests {
            let sum = routes.entry(route).or_default();
            sum.count += times.count;
            sum.buckets.iter_mut().zip(times.buckets).for_each(|(sum, more)| *sum += more);
        }
        let quantile = |times: &Times| {
            let mut seen = 0;
            let wanted = (share * times.count as f64).ceil() as u64;
            BOUNDS.iter().zip(times.buckets).find_map(|(&bound, count)| {
                seen += count;
                (seen >= wanted).then_some(bound)
            })
        };
        routes.into_iter().map(|(route, times)| (route.to_owned(), times.count, quantile(&times))).collect()
    }

    /// Everything, as text.
    pub(crate) fn text(&self, models: &[(String, usize)]) -> String {
        let mut text = String::new();
        let mut single = |name: &str, kind: &str, help: &str, value: f64| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        };
        let load = |value: &AtomicUsize| value.load(Ordering::Relaxed) as f64;
        let total = |value: &AtomicU64| value.load(Ordering::Relaxed) as f64;
        single("vecinity_uptime_seconds", "gauge", "Time since the start.", self.uptime().as_secs_f64());
        single("vecinity_connections", "gauge", "Open connections.", load(&self.connections));
        single("vecinity_requests_open", "gauge", "Requests being answered.", load(&self.open));
        single("vecinity_requests_refused_total", "counter", "Refused: too many waited.", total(&self.refused));
        single("vecinity_model_swaps_total", "counter", "Models replaced.", total(&self.swaps));
        text.push_str("# HELP vecinity_model_items Items of a model.\n# TYPE vecinity_model_items gauge\n");
        for (model, items) in models {
            let _ = writeln!(text, "vecinity_model_items{{model=\"{}\"}} {items}", label(model));
        }
        text.push_str("# HELP vecinity_request_seconds Time to answer.\n# TYPE vecinity_request_seconds histogram\n");
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((route, status), times) in &*requests {
            let labels = format!("route=\"{}\",status=\"{status}\"", label(route));
            let mut sum = 0;
            for (bound, count) in BOUNDS.iter().zip(times.buckets) {
                sum += count;
                let _ = writeln!(text, "vecinity_request_seconds_bucket{{{labels},le=\"{bound}\"}} {sum}");
            }
            let Times { count, seconds, .. } = times;
            let _ = writeln!(text, "vecinity_request_seconds_bucket{{{labels},le=\"+Inf\"}} {count}");
            let _ = writeln!(text, "vecinity_request_seconds_sum{{{labels}}} {seconds}");
            let _ = writeln!(text, "vecinity_request_seconds_count{{{labels}}} {count}");
        }
        text
    }
}

/// A value of a label.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up_and_labels_are_escaped() {
        let metrics = Metrics::new();
        metrics.answered("/v1/\"x\"", 200, Duration::from_millis(2));
        metrics.answered("/v1/\"x\"", 200, Duration::from_secs(60));
        let text = metrics.text(&[("a".into(), 7)]);
        assert!(
            text.contains("vecinity_request_seconds_bucket{route=\"/v1/\\\"x\\\"\",status=\"200\",le=\"0.001\"} 0\n")
        );
        assert!(text.contains("status=\"200\",le=\"0.0025\"} 1\n"));
        assert!(text.contains("le=\"10\"} 1\n") && text.contains("le=\"+Inf\"} 2\n"));
        assert!(text.contains("vecinity_model_items{model=\"a\"} 7\n"));
        assert_eq!(metrics.summary(0.5), [("/v1/\"x\"".to_owned(), 2, Some(0.0025))]);
        assert_eq!(metrics.summary(0.99)[0].2, None, "beyond the last bound");
    }
}
