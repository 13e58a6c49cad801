//! The loss by epoch, from the log of a run.

use serde::Deserialize;

/// Points of a curve, at most.
const POINTS: usize = 200;

#[derive(Deserialize)]
struct Step {
    epochs: u32,
    tokens: u64,
    total_tokens: u64,
    loss: Option<f64>,
}

/// Loss per pair by epoch: points `[epoch, loss]` of the first run in the log, and how many epochs it was to have.
///
/// A recommender is trained several times (by validation, for the test, on everything); the first run is the one whose
/// epochs are measured. Lines that are no steps are passed over.
pub(super) fn losses(log: &str) -> (Vec<[f64; 2]>, u32) {
    let (mut points, mut epochs, mut last) = (Vec::new(), 1, 0);
    for step in log.lines().filter_map(|line| serde_json::from_str::<Step>(line).ok()) {
        if step.tokens < last {
            break;
        }
        last = step.tokens;
        epochs = step.epochs;
        if let Some(loss) = step.loss.filter(|loss| loss.is_finite()) {
            let share = step.tokens as f64 / step.total_tokens.max(1) as f64;
            points.push([share * f64::from(step.epochs), loss]);
        }
    }
    (thinned(&points), epochs)
}

/// The same curve by averages of neighbouring points, so that a long run is no larger picture.
fn thinned(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let group = points.len().div_ceil(POINTS).max(1);
    let mean = |part: &[[f64; 2]], of: usize| part.iter().map(|point| point[of]).sum::<f64>() / part.len() as f64;
    points.chunks(group).map(|part| [mean(part, 0), mean(part, 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_run_of_a_log_is_drawn_by_epoch() {
        let line = |tokens: u64, loss: &str| {
            format!("{{\"epoch\":1,\"epochs\":4,\"tokens\":{tokens},\"total_tokens\":800,\"loss\":{loss}}}\n")
        };
        let log =
            [line(0, "null"), "{\"stage\":\"recipe\"}\n".into(), line(200, "2.5"), line(800, "1.5"), line(100, "9")];
        assert_eq!(losses(&log.concat()), (vec![[1.0, 2.5], [4.0, 1.5]], 4));
        assert_eq!(losses("no log\n"), (Vec::new(), 1));
    }

    #[test]
    fn a_long_curve_keeps_its_mean_and_becomes_short() {
        let points: Vec<[f64; 2]> = (0..1000).map(|i| [f64::from(i), f64::from(i % 2)]).collect();
        let thin = thinned(&points);
        assert_eq!(thin.len(), 200);
        assert_eq!(thin[0], [2.0, 0.4]);
        assert!(thinned(&[]).is_empty());
    }
}
