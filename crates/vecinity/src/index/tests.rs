//! Metrics by hand; segments and indexes against brute force, against every damaged byte, and under changes.

use super::*;
use crate::rng::Rng;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// `n` vectors around `centres` points: near ones exist, as among real embeddings.
fn clustered(n: usize, dim: usize, centres: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed, 0);
    let mut normal = move || (0..6).map(|_| rng.f32()).sum::<f32>() - 3.0;
    let middles: Vec<f32> = (0..centres * dim).map(|_| normal()).collect();
    (0..n).flat_map(|i| (0..dim).map(move |j| (i % centres) * dim + j)).map(|at| middles[at] + 0.6 * normal()).collect()
}

/// A graph however few the rows are.
fn graphed(metric: Metric) -> Settings {
    Settings { least_rows: 0, entries: 16, ..Settings::for_metric(metric) }
}

fn keys(n: usize) -> Vec<u64> {
    (0..n as u64).map(|key| key * 7 + 3).collect()
}

fn recall(found: &[Neighbor], truth: &[Hit], keys: &[u64]) -> f64 {
    let hits = truth.iter().filter(|hit| found.iter().any(|found| found.key == keys[hit.id.row()]));
    hits.count() as f64 / truth.len() as f64
}

#[test]
fn walks_find_what_the_exact_search_finds_by_every_metric() {
    let (n, dim) = (6000, 24);
    let rows = clustered(n, dim, 60, 1);
    let asked = clustered(100, dim, 60, 2);
    for (name, metric) in Metric::ALL {
        let segment = Segment::build(&rows, dim, &keys(n), metric, &graphed(metric)).unwrap();
        assert_eq!(segment.unreachable(), 0, "{name}");
        let exact = Exact::new(&rows, dim, metric);
        let (mut walked, mut scanned, mut scratch) = (0.0, 0.0, Scratch::new(dim));
        for query in asked.chunks(dim) {
            let truth = exact.nearest(query, 10, &[]);
            let found = segment.search(&mut scratch, query, 10, Effort::walk(100), None);
            walked += recall(&found, &truth, &keys(n)) / 100.0;
            scanned += recall(&segment.scan(&mut scratch, query, 10, None), &truth, &keys(n)) / 100.0;
            assert!((found[0].score - truth[0].score).abs() < 1e-4 * truth[0].score.abs().max(1.0), "{name}");
        }
        assert!(walked > 0.985, "{name}: {walked}");
        assert!(scanned > 0.999, "{name}: {scanned}");
        let batch = segment.search_batch(&asked, 10, Effort::walk(100), None, 3);
        for (query, answer) in asked.chunks(dim).zip(batch) {
            assert_eq!(answer, segment.search(&mut scratch, query, 10, Effort::walk(100), None));
        }
    }
}

#[test]
fn a_build_has_the_same_bytes_on_any_number_of_threads() {
    let rows = clustered(1500, 10, 20, 3);
    let built = |threads| {
        let settings = Settings { threads, ..graphed(Metric::Dot) };
        let segment = Segment::build(&rows, 10, &keys(1500), Metric::Dot, &settings).unwrap();
        let folder = tempfile::tempdir().unwrap();
        segment.save(&folder.path().join("a")).unwrap();
        std::fs::read(folder.path().join("a")).unwrap()
    };
    let one = built(1);
    assert!(one == built(2) && one == built(5));
}

/// 1, 10 and 50 percent, spread evenly or all in one corner, near the query or far from it.
#[test]
fn filtered_answers_are_right_however_filter_and_query_hang_together() {
    let (n, dim) = (6000, 16);
    let rows = clustered(n, dim, 30, 4);
    let asked = clustered(40, dim, 30, 5);
    let segment = Segment::build(&rows, dim, &keys(n), Metric::Euclidean, &graphed(Metric::Euclidean)).unwrap();
    let exact = Exact::new(&rows, dim, Metric::Euclidean);
    let by_distance = exact.nearest(&rows[..dim], n, &[]);
    let mut place = vec![0; n];
    by_distance.iter().enumerate().for_each(|(at, hit)| place[hit.id.row()] = at);
    let mut scratch = Scratch::new(dim);
    let efforts = [Effort::walk(60), Effort::coarse(200)];
    for (percent, effort) in [1, 10, 50].into_iter().flat_map(|percent| efforts.map(|effort| (percent, effort))) {
        for correlated in [false, true] {
            let keep = |row: usize| if correlated { place[row] < n * percent / 100 } else { row * 37 % 100 < percent };
            let pass = Rows::of(&segment, |key| keep((key as usize - 3) / 7));
            assert_eq!(pass.count(), (0..n).filter(|&row| keep(row)).count());
            let mut total = 0.0;
            for query in asked.chunks(dim) {
                let truth = exact.nearest_where(query, 10, &|id| keep(id.row()));
                let found = segment.search(&mut scratch, query, 10, effort, Some(&pass));
                let tested = segment.search_where(&mut scratch, query, 10, effort, &|key| keep((key as usize - 3) / 7));
                for found in [found, tested] {
                    assert!(found.iter().all(|found| keep((found.key as usize - 3) / 7)));
                    total += recall(&found, &truth, &keys(n)) / 80.0;
                }
            }
            assert!(total >= 0.99, "{percent} %, correlated {correlated}, {effort}: {total}");
        }
    }
}

#[test]
fn no_damaged_byte_and_no_missing_end_goes_unseen() {
    let rows = clustered(40, 3, 4, 6);
    let settings = Settings { degree: 3, build_effort: 8, entries: 4, ..graphed(Metric::Cosine) };
    let segment = Segment::build(&rows, 3, &keys(40), Metric::Cosine, &settings).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i");
    Index::create(&path, &segment, 0.9, None, &[("names", b"abc")]).unwrap();
    for name in ["segment.1", "INDEX.json", "names"] {
        let file = path.join(name);
        let good = std::fs::read(&file).unwrap();
        let refused = |bytes: &[u8], what: &str| {
            // Another file in its place: what is mapped is never changed.
            std::fs::remove_file(&file).unwrap();
            std::fs::write(&file, bytes).unwrap();
            let error = Index::open(&path).expect_err(what);
            assert_eq!(error.exit_code(), 3, "{name}, {what}: {error}");
        };
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            refused(&bad, &format!("byte {at} changed"));
        }
        for length in 0..good.len() {
            refused(&good[..length], &format!("cut to {length}"));
        }
        std::fs::write(&file, &good).unwrap();
    }
    assert_eq!(Index::open(&path).unwrap().len(), 40);
}

#[test]
fn a_torn_tail_is_dropped_and_a_damaged_record_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i");
    let segment = Segment::build(&[1.0, 2.0], 2, &[0], Metric::Dot, &Settings::for_metric(Metric::Dot)).unwrap();
    Index::create(&path, &segment, 0.9, None, &[]).unwrap();
    let change = |index: &Index, key: u64| {
        index.change(&[Change::Put { key, vector: vec![key as f32, 1.0] }, Change::Delete { key: key - 1 }]).unwrap();
    };
    let index = Index::open_to_change(&path).unwrap();
    assert!(Index::open_to_change(&path).is_err(), "two processes may not change one index");
    (1..4).for_each(|key| change(&index, key));
    drop(index);
    let log = path.join("log.1");
    let good = std::fs::read(&log).unwrap();
    // A put has 16 + 8 + 4 bytes, a delete 20.
    assert_eq!(good.len(), 3 * 48);
    for length in 0..=good.len() {
        std::fs::write(&log, &good[..length]).unwrap();
        let index = Index::open(&path).unwrap();
        let (changes, rest) = (length / 48, length % 48);
        // Key 0, then each put adds one and each delete takes one.
        assert_eq!(index.len(), 1 + usize::from(rest >= 28), "{length}");
        assert!(index.contains(changes as u64), "{length}");
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        std::fs::write(&log, &bad).unwrap();
        assert_eq!(Index::open(&path).unwrap_err().exit_code(), 3, "byte {at}");
    }
    // Zeros behind the end, and half a record: cut off before anything is written behind them.
    for tail in [vec![0; 100], good[..30].to_vec()] {
        std::fs::write(&log, [&good[..48], &tail].concat()).unwrap();
        let index = Index::open_to_change(&path).unwrap();
        change(&index, 9);
        drop(index);
        let index = Index::open(&path).unwrap();
        assert!(index.contains(9));
    }
}

#[test]
fn bad_changes_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i");
    let segment = Segment::build(&[1.0, 2.0], 2, &[0], Metric::Dot, &Settings::for_metric(Metric::Dot)).unwrap();
    Index::create(&path, &segment, 0.9, None, &[]).unwrap();
    let index = Index::open_to_change(&path).unwrap();
    let good = Change::Put { key: 5, vector: vec![1.0, 1.0] };
    for vector in [vec![1.0], vec![1.0, f32::NAN]] {
        let error = index.change(&[good.clone(), Change::Put { key: 7, vector }]).unwrap_err();
        assert!(error.to_string().contains("key 7"), "{error}");
        assert_eq!(index.len(), 1);
    }
    let error = Index::open(&path).unwrap().change(&[good]).unwrap_err();
    assert_eq!(error.to_string(), "this index was opened to search only");
    let error = Segment::build(&[1.0, 2.0], 1, &[4, 4], Metric::Dot, &Settings::for_metric(Metric::Dot)).unwrap_err();
    assert_eq!(error.to_string(), "the key 4 comes twice");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Anything may happen in any order: answers are those of brute force over what there is, after reopening too.
    #[test]
    fn changes_and_merges_are_what_brute_force_says(
        steps in prop::collection::vec((0u8..12, 0u64..40, any::<u64>()), 1..60), metric in 0usize..3,
    ) {
        let metric = Metric::ALL[metric].1;
        let dim = 5;
        let settings = Settings { degree: 8, build_effort: 32, ..graphed(metric) };
        let first = clustered(20, dim, 3, 7);
        let mut model: BTreeMap<u64, Vec<f32>> = (0..20).map(|key| (key, first[key as usize * dim..][..dim].to_vec())).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i");
        let keys: Vec<u64> = model.keys().copied().collect();
        Index::create(&path, &Segment::build(&first, dim, &keys, metric, &settings).unwrap(), 1.0, None, &[]).unwrap();
        let mut index = Some(Index::open_to_change(&path).unwrap());
        let even = Filter::new(|key| key % 2 == 0);
        for (what, key, salt) in steps {
            let now = index.as_ref().unwrap();
            let vector = clustered(1, dim, 1, salt);
            match what {
                0..5 => {
                    now.change(&[Change::Put { key, vector: vector.clone() }]).unwrap();
                    model.insert(key, vector);
                }
                5..9 => {
                    now.change(&[Change::Delete { key }]).unwrap();
                    model.remove(&key);
                }
                9 => now.merge(&settings).unwrap(),
                10 => {
                    drop(index.take());
                    index = Some(Index::open_to_change(&path).unwrap());
                }
                _ => {
                    let tested = now.search_where(&vector, 4, &|key| key % 2 == 0);
                    prop_assert_eq!(&tested, &now.search(&vector, 4, Some(&even)));
                    prop_assert_eq!(&now.search_batch(&vector, 4, None, 2)[0], &now.search(&vector, 4, None));
                    for filter in [None, Some(&even)] {
                        let passing = model.iter().filter(|(key, _)| filter.is_none() || *key % 2 == 0);
                        let mut truth: Vec<(f32, u64)> = passing.map(|(key, row)| (metric.score(&vector, row), *key)).collect();
                        let sign = if metric.larger_is_nearer() { -1.0 } else { 1.0 };
                        truth.sort_by(|a, b| (sign * a.0).total_cmp(&(sign * b.0)));
                        truth.truncate(4);
                        let found = now.search(&vector, 4, filter);
                        prop_assert_eq!(found.len(), truth.len());
                        for (found, truth) in found.iter().zip(&truth) {
                            prop_assert!((found.score - truth.0).abs() < 1e-4 * truth.0.abs().max(1.0), "{:?} {:?}", found, truth);
                        }
                    }
                }
            }
            let now = index.as_ref().unwrap();
            prop_assert_eq!(now.len(), model.len());
            prop_assert_eq!(now.contains(key), model.contains_key(&key));
            let mut kept = Vec::new();
            if let Some(row) = model.get(&key) {
                super::segment::prepared(row, metric, &mut kept);
            }
            let again = now.vector(key).unwrap_or_default();
            prop_assert!(again.iter().zip(&kept).all(|(a, b)| (a - b).abs() < 1e-6) && again.len() == kept.len());
            prop_assert_eq!(now.segment().unreachable(), 0);
        }
    }
}

#[test]
fn searches_and_changes_go_on_during_merges_and_no_change_is_lost() {
    let (n, dim) = (2000, 8);
    let rows = clustered(n, dim, 20, 8);
    let settings = Settings { threads: 1, ..graphed(Metric::Euclidean) };
    let all: Vec<u64> = (0..n as u64).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i");
    let segment = Segment::build(&rows, dim, &all, Metric::Euclidean, &settings).unwrap();
    Index::create(&path, &segment, 0.99, None, &[]).unwrap();
    let index = Index::open_to_change(&path).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let search = || {
            let (mut asked, mut missed) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                let at = asked * 13 % (n / 2);
                let found = index.search(&rows[at * dim..][..dim], 3, None);
                // Rows of the first half are never changed: each finds itself, but for what a recall of .99 lets go.
                missed += usize::from(found[0].key != at as u64);
                asked += 1;
            }
            assert!(asked > 0 && missed * 50 <= asked, "{missed} of {asked} missed");
        };
        let searches = [scope.spawn(search), scope.spawn(search)];
        let change = scope.spawn(|| {
            for key in n as u64 / 2..n as u64 {
                let vector = rows[key as usize * dim..][..dim].iter().map(|value| -value).collect();
                index.change(&[Change::Delete { key }, Change::Put { key: key + 10_000, vector }]).unwrap();
            }
        });
        for _ in 0..3 {
            index.merge(&settings).unwrap();
        }
        change.join().unwrap();
        index.merge(&settings).unwrap();
        done.store(true, Ordering::Relaxed);
        for search in searches {
            search.join().unwrap();
        }
    });
    assert_eq!((index.len(), index.pending()), (n, 0));
    drop(index);
    // The next version is opened while this one answers.
    let (old, new) = (Index::open(&path).unwrap(), Index::open(&path).unwrap());
    for key in n as u64 / 2..n as u64 {
        assert!(!new.contains(key) && new.contains(key + 10_000));
    }
    assert_eq!(old.search(&rows[..dim], 1, None), new.search(&rows[..dim], 1, None));
}

#[test]
fn a_recall_target_is_reached_on_queries_that_it_was_not_tuned_with() {
    let (n, dim) = (6000, 20);
    let rows = clustered(n, dim, 300, 9);
    let segment = Segment::build(&rows, dim, &keys(n), Metric::Cosine, &graphed(Metric::Cosine)).unwrap();
    let queries = Queries { values: clustered(400, dim, 300, 10), own: Vec::new() };
    let [low, high] = [0.8, 0.99].map(|target| tune(&segment, &queries, target, 10));
    assert!(high.recall > 0.98 && low.recall > 0.75, "{low:?} {high:?}");
    let [few, many] = [low.effort, high.effort];
    assert!(few.walk <= many.walk && few.coarse <= many.coarse && many.walk.max(many.coarse) < 2 * n);
    // Each reaches it alone.
    for effort in [Effort::walk(many.walk), Effort::coarse(many.coarse)] {
        let measured = measure(&segment, &queries, 10, effort);
        assert!(measured.recall > 0.97, "{measured:?}");
    }
    assert_eq!(high.queries, 200);
    let measured = measure(&segment, &sample(&segment, 200, 3), 10, high.effort);
    assert!(measured.recall > 0.97 && measured.per_second > 0.0, "{measured:?}");
}

#[test]
fn a_zero_vector_is_at_right_angles_to_everything() {
    assert_eq!(Metric::Cosine.score(&[0.0, 0.0], &[1.0, 2.0]), 0.0);
    assert_eq!(Metric::Cosine.score(&[0.0], &[0.0]), 0.0);
}

#[test]
fn a_vector_is_at_distance_zero_from_itself_however_long() {
    let long: Vec<f32> = (0..100).map(|i| 1e4 + i as f32 * 0.1).collect();
    assert_eq!(Metric::Euclidean.score(&long, &long), 0.0);
}

#[test]
fn names_and_metrics_go_both_ways() {
    for (name, metric) in Metric::ALL {
        assert_eq!(metric.name(), name);
        assert_eq!(serde_json::to_value(metric).unwrap(), name);
    }
}

/// What a faulty or hostile program may have written: any byte, and a right checksum.
#[test]
fn a_hostile_file_with_a_right_checksum_is_refused_or_answers() {
    let rows = clustered(30, 3, 4, 11);
    let settings = Settings { degree: 3, build_effort: 8, entries: 4, ..graphed(Metric::Dot) };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    Segment::build(&rows, 3, &keys(30), Metric::Dot, &settings).unwrap().save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    let (mut refused, mut answered, mut rng) = (0, 0, Rng::new(5, 0));
    for at in 0..good.len() - 64 {
        let mut bad = good.clone();
        bad[at] = match rng.below(3) {
            0 => 255,
            1 => bad[at] ^ 128,
            _ => rng.u32() as u8,
        };
        let sum = crate::checksum::of_bytes(&bad[..good.len() - 64]);
        bad[good.len() - 64..].copy_from_slice(sum.as_bytes());
        match Segment::parse(&bad) {
            Err(error) => {
                assert_eq!(error.exit_code(), 3, "{error}");
                refused += 1;
            }
            Ok(segment) => {
                for effort in [Effort::walk(5), Effort::coarse(5)] {
                    let query = vec![1.0; segment.dim()];
                    let found = segment.search(&mut Scratch::new(segment.dim()), &query, 3, effort, None);
                    assert!(found.len() == 3 && found.iter().all(|found| !found.score.is_nan()), "{at}: {found:?}");
                }
                answered += 1;
            }
        }
    }
    assert!(refused > 300 && answered > 300, "{refused} {answered}");
}

/// What the test below kills: changes without end, each said aloud once it is acknowledged.
#[test]
#[ignore = "run by the test below"]
fn changes_until_killed() {
    use std::io::Write;
    let Some(path) = std::env::var_os("VECINITY_TEST_INDEX") else { return };
    let index = Index::open_to_change(path.as_ref()).unwrap();
    let settings = Settings { threads: 1, ..graphed(Metric::Cosine) };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                index.merge(&settings).unwrap();
            }
        });
        for key in index.len() as u64.. {
            let vector = vec![key as f32, 1.0];
            // Every third is deleted and put again: what is lost then is the key itself.
            let mut changes = vec![Change::Put { key, vector: vector.clone() }];
            if key % 3 == 0 {
                changes.extend([Change::Delete { key }, Change::Put { key, vector }]);
            }
            index.change(&changes).unwrap();
            // On a line of its own, behind what the test program prints.
            writeln!(std::io::stdout(), "\n@{key}").unwrap();
        }
    });
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    use std::io::BufRead;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i");
    let segment = Segment::build(&[0.0, 1.0], 2, &[0], Metric::Cosine, &graphed(Metric::Cosine)).unwrap();
    Index::create(&path, &segment, 0.9, None, &[]).unwrap();
    let mut rng = Rng::new(12, 0);
    let mut most = 0;
    for round in 0..12 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "index::tests::changes_until_killed", "--nocapture"])
            .env("VECINITY_TEST_INDEX", &path)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let said =
            lines.map_while(std::result::Result::ok).filter_map(|line| line.strip_prefix('@')?.parse::<u64>().ok());
        let mut acknowledged = said.take(1 + rng.below(60) as usize).last();
        std::thread::sleep(std::time::Duration::from_micros(u64::from(rng.below(3000))));
        child.kill().unwrap();
        child.wait().unwrap();
        most = most.max(acknowledged.take().expect("changes were acknowledged"));
        let index = Index::open(&path).unwrap();
        for key in 0..=most {
            assert!(index.contains(key), "round {round}: {key} of {most} is lost");
        }
        assert!(index.len() as u64 > most);
    }
}
