//! The training block and the vector products against naive oracles, on every instruction set of this machine.

use proptest::prelude::*;
use vecinity_kernel::vector::{dot_with, scan_with};
use vecinity_kernel::{Block, Isa, Labels, Rows, SharedRows};

/// A table with values in (-1, 1) from a small counter hash.
fn table(rows: usize, dim: usize, salt: u32) -> SharedRows {
    let mut table = SharedRows::zeroed(rows, dim).unwrap();
    for row in 0..rows {
        for (k, v) in table.row_mut(row).iter_mut().enumerate() {
            let h = (row as u32 * 7919 + k as u32 * 104_729 + salt).wrapping_mul(2_654_435_761);
            *v = (h >> 8) as f32 / (1 << 23) as f32 - 1.0;
        }
    }
    table
}

fn rows_of(table: &SharedRows) -> Vec<Vec<f64>> {
    let mut row = vec![0.0; table.dim()];
    (0..table.rows())
        .map(|r| {
            table.read_into(r, &mut row);
            row.iter().map(|&v| f64::from(v)).collect()
        })
        .collect()
}

/// One case of the block: everything that can vary.
#[derive(Debug, Clone)]
struct Case {
    dim: usize,
    inputs: Vec<u32>,
    candidates: Vec<u32>,
    labels: Vec<f32>,
    weights: Option<Vec<f32>>,
    rate: f32,
}

const INPUT_ROWS: usize = 24;
const CANDIDATE_ROWS: usize = 40;

fn cases() -> impl Strategy<Value = Case> {
    let dims = prop_oneof![1usize..40, Just(64), Just(100), Just(300)];
    // Distinct rows: with repeated ones the order of the updates matters, see `repeated_rows_add_up`.
    let ids = |rows: usize, most: usize| {
        (Just((0..rows as u32).collect::<Vec<_>>()).prop_shuffle(), prop_oneof![Just(1), 1..=most])
            .prop_map(|(ids, n)| ids[..n].to_vec())
    };
    (dims, ids(INPUT_ROWS, 24), ids(CANDIDATE_ROWS, 40), 0.01f32..0.5).prop_flat_map(
        |(dim, inputs, candidates, rate)| {
            let labels = prop::collection::vec(prop_oneof![Just(0.0f32), Just(1.0)], candidates.len());
            let weights = prop::option::of(prop::collection::vec(0.0f32..4.0, inputs.len()));
            (labels, weights).prop_map(move |(labels, weights)| Case {
                dim,
                inputs: inputs.clone(),
                candidates: candidates.clone(),
                labels,
                weights,
                rate,
            })
        },
    )
}

/// The formulas of the module documentation in double precision, groups included.
fn oracle(case: &Case, inputs: &mut [Vec<f64>], candidates: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
    let gradient = |x: &[f64], o: &[f64], i: usize, j: usize| {
        let score: f64 = x.iter().zip(o).map(|(a, b)| a * b).sum();
        let weight = f64::from(case.weights.as_ref().map_or(1.0, |w| w[i]));
        f64::from(case.rate) * weight * (f64::from(case.labels[j]) - 1.0 / (1.0 + (-score).exp()))
    };
    let gradients: Vec<Vec<f64>> = (case.inputs.iter().enumerate())
        .map(|(i, &x)| {
            let row = case.candidates.iter().enumerate();
            row.map(|(j, &o)| gradient(&inputs[x as usize], &candidates[o as usize], i, j)).collect()
        })
        .collect();
    let mut first = 0;
    while first < case.candidates.len() {
        let rest = case.candidates.len() - first;
        let size = if rest <= 6 {
            rest
        } else if rest < 12 {
            rest.div_ceil(2)
        } else {
            6
        };
        let range = first..first + size;
        first += size;
        let (old_in, old_out) = (inputs.to_vec(), candidates.to_vec());
        for (i, &x) in case.inputs.iter().enumerate() {
            for j in range.clone() {
                let (x, o) = (x as usize, case.candidates[j] as usize);
                for k in 0..case.dim {
                    inputs[x][k] += gradients[i][j] * old_out[o][k];
                    candidates[o][k] += gradients[i][j] * old_in[x][k];
                }
            }
        }
    }
    gradients
}

fn close(found: &[Vec<f64>], expected: &[Vec<f64>], what: &str) -> Result<(), TestCaseError> {
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        for (k, (a, b)) in found.iter().zip(expected).enumerate() {
            prop_assert!((a - b).abs() < 2e-4, "{what} row {row}, value {k}: found {a}, expected {b}");
        }
    }
    Ok(())
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    for isa in Isa::available() {
        let (inputs, candidates) = (table(INPUT_ROWS, case.dim, 1), table(CANDIDATE_ROWS, case.dim, 2));
        let (mut x, mut o) = (rows_of(&inputs), rows_of(&candidates));
        let expected = oracle(case, &mut x, &mut o);
        let mut block = Block::for_isa(isa);
        let mut bound = block.bind(Rows::new(&inputs, &case.inputs), Rows::new(&candidates, &case.candidates));
        bound.score(Labels::Each(&case.labels), case.rate, case.weights.as_deref());
        for (i, row) in expected.iter().enumerate() {
            for (j, &g) in row.iter().enumerate() {
                let found = f64::from(bound.gradient(i, j));
                prop_assert!((found - g).abs() < 1e-5, "{isa:?} gradient ({i}, {j}): found {found}, expected {g}");
            }
        }
        bound.update();
        close(&rows_of(&inputs), &x, isa.name())?;
        close(&rows_of(&candidates), &o, isa.name())?;
    }
    Ok(())
}

/// Forms of labels that give each candidate a label and a weight, against the formula.
fn check_labels(case: &Case, noise_weight: f32) -> Result<(), TestCaseError> {
    // Label and weight of the first candidate, and of the others.
    let noise = f64::from(noise_weight);
    let forms = [
        (Labels::FirstIsTrue, [(1.0, 1.0), (0.0, 1.0)]),
        (Labels::FirstThenNoise(noise_weight), [(1.0, 1.0), (0.0, noise)]),
        (Labels::All(0.25), [(0.25, 1.0), (0.25, 1.0)]),
    ];
    for isa in Isa::available() {
        let (inputs, candidates) = (table(INPUT_ROWS, case.dim, 1), table(CANDIDATE_ROWS, case.dim, 2));
        let (x, o) = (rows_of(&inputs), rows_of(&candidates));
        let mut block = Block::for_isa(isa);
        let mut bound = block.bind(Rows::new(&inputs, &case.inputs), Rows::new(&candidates, &case.candidates));
        for (labels, of) in forms {
            bound.score(labels, case.rate, case.weights.as_deref());
            for (i, &input) in case.inputs.iter().enumerate() {
                for (j, &candidate) in case.candidates.iter().enumerate() {
                    let score: f64 = x[input as usize].iter().zip(&o[candidate as usize]).map(|(a, b)| a * b).sum();
                    let (label, weight) = of[j.min(1)];
                    let weight = weight * f64::from(case.weights.as_ref().map_or(1.0, |w| w[i]));
                    let expected = f64::from(case.rate) * weight * (label - 1.0 / (1.0 + (-score).exp()));
                    let found = f64::from(bound.gradient(i, j));
                    let close = (found - expected).abs() < 2e-5;
                    prop_assert!(close, "{isa:?} {labels:?} ({i}, {j}): found {found}, expected {expected}");
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 300 }))]

    #[test]
    fn every_form_of_labels_gives_its_gradients(case in cases(), noise_weight in 0.5f32..3.0) {
        check_labels(&case, noise_weight)?;
    }

    #[test]
    fn a_block_computes_what_the_formulas_say(case in cases()) {
        check(&case)?;
    }

    #[test]
    fn pooled_inputs_are_one_input_whose_update_each_of_them_receives(case in cases(), factor in 0.1f32..2.0) {
        for isa in Isa::available() {
            let (inputs, candidates) = (table(INPUT_ROWS, case.dim, 1), table(CANDIDATE_ROWS, case.dim, 2));
            let (mut x, mut o) = (rows_of(&inputs), rows_of(&candidates));
            let share = 1.0 / case.inputs.len() as f64;
            let mean: Vec<f64> =
                (0..case.dim).map(|k| case.inputs.iter().map(|&i| x[i as usize][k]).sum::<f64>() * share).collect();
            let mut step = vec![0.0; case.dim];
            let mut gradients = Vec::new();
            for (&candidate, &label) in case.candidates.iter().zip(&case.labels) {
                let o = &mut o[candidate as usize];
                let score: f64 = mean.iter().zip(o.iter()).map(|(a, b)| a * b).sum();
                let g = f64::from(case.rate) * (f64::from(label) - 1.0 / (1.0 + (-score).exp()));
                gradients.push(g);
                for k in 0..case.dim {
                    step[k] += g * o[k];
                    o[k] += g * mean[k];
                }
            }
            for &input in &case.inputs {
                x[input as usize].iter_mut().zip(&step).for_each(|(x, step)| *x += f64::from(factor) * step);
            }
            let mut block = Block::for_isa(isa);
            let mut bound = block.bind(Rows::new(&inputs, &case.inputs), Rows::new(&candidates, &case.candidates));
            bound.train_pooled(Labels::Each(&case.labels), case.rate, factor);
            for (j, g) in gradients.iter().enumerate() {
                let found = f64::from(bound.gradient(0, j));
                prop_assert!((found - g).abs() < 1e-5, "{isa:?} gradient {j}: found {found}, expected {g}");
            }
            close(&rows_of(&inputs), &x, isa.name())?;
            close(&rows_of(&candidates), &o, isa.name())?;
        }
    }

    #[test]
    fn dots_and_scans_agree_with_double_precision(dim in 1usize..70, n in 0usize..11) {
        let rows: Vec<f32> = (0..n * dim).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let query: Vec<f32> = (0..dim).map(|i| ((i * 53 % 97) as f32 - 48.0) / 48.0).collect();
        for isa in Isa::available() {
            let (mut dots, mut only, mut squares) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
            scan_with(isa, &query, &rows, &mut dots, Some(&mut squares));
            scan_with(isa, &query, &rows, &mut only, None);
            prop_assert_eq!(&dots, &only);
            for (r, row) in rows.chunks_exact(dim).enumerate() {
                let exact = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum() };
                prop_assert!((f64::from(dots[r]) - exact(&query, row)).abs() < 1e-4);
                prop_assert!((f64::from(squares[r]) - exact(row, row)).abs() < 1e-4);
                prop_assert!((f64::from(dot_with(isa, &query, row)) - exact(&query, row)).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn repeated_rows_add_up() {
    // The same input twice, against one candidate: twice the step of a single one, for small rates.
    for isa in Isa::available() {
        for (inputs, candidates) in [(vec![3, 3], vec![5]), (vec![3, 1, 3], vec![5, 6, 5])] {
            let rate = 1e-3;
            let run = |x: &[u32], o: &[u32], rate: f32| {
                let (i, c) = (table(INPUT_ROWS, 20, 1), table(CANDIDATE_ROWS, 20, 2));
                Block::for_isa(isa).train(Rows::new(&i, x), Rows::new(&c, o), Labels::All(1.0), rate);
                (rows_of(&i)[3].clone(), rows_of(&c)[5].clone())
            };
            let start =
                (rows_of(&table(INPUT_ROWS, 20, 1))[3].clone(), rows_of(&table(CANDIDATE_ROWS, 20, 2))[5].clone());
            let all = run(&inputs, &candidates, rate);
            // The sum of the steps of each pair alone.
            let (mut x, mut o) = (start.0.clone(), start.1.clone());
            for &a in &inputs {
                for &b in &candidates {
                    let (na, nb) = run(&[a], &[b], rate);
                    for k in 0..20 {
                        x[k] += if a == 3 { na[k] - start.0[k] } else { 0.0 };
                        o[k] += if b == 5 { nb[k] - start.1[k] } else { 0.0 };
                    }
                }
            }
            for k in 0..20 {
                assert!((all.0[k] - x[k]).abs() < 1e-5 && (all.1[k] - o[k]).abs() < 1e-5, "{isa:?} value {k}");
            }
        }
    }
}

#[test]
fn a_scaled_gradient_of_zero_takes_a_pair_out() {
    let (inputs, candidates) = (table(4, 10, 1), table(4, 10, 2));
    let before = (rows_of(&inputs), rows_of(&candidates));
    let mut block = Block::new();
    let mut bound = block.bind(Rows::new(&inputs, &[1]), Rows::new(&candidates, &[2]));
    bound.score(Labels::All(0.0), 0.1, None);
    bound.scale(0, 0, 0.0);
    bound.update();
    assert_eq!(before, (rows_of(&inputs), rows_of(&candidates)));
}

#[test]
#[should_panic(expected = "row 4 of a table of 4 rows")]
fn a_row_out_of_range_is_refused() {
    let rows = table(4, 10, 1);
    Block::new().train(Rows::new(&rows, &[0]), Rows::new(&rows, &[4]), Labels::All(1.0), 0.1);
}

#[test]
fn threads_that_share_rows_lose_little() {
    // Two threads pull the same two rows together: whatever the races lose, the score must rise.
    let (inputs, candidates) = (table(1, 16, 1), table(1, 16, 2));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut block = Block::new();
                for _ in 0..200 {
                    block.train(Rows::new(&inputs, &[0]), Rows::new(&candidates, &[0]), Labels::All(1.0), 0.05);
                }
            });
        }
    });
    let score: f64 = rows_of(&inputs)[0].iter().zip(&rows_of(&candidates)[0]).map(|(a, b)| a * b).sum();
    assert!(score > 3.0 && score.is_finite(), "score {score}");
}

proptest! {
    #[test]
    fn squared_distances_are_those_of_the_definition(dim in 0usize..150, salt in any::<u32>()) {
        let value = |i: usize| ((i as u32 ^ salt).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let (a, b): (Vec<f32>, Vec<f32>) = (0..dim).map(|i| (value(i), value(i + 999_983))).unzip();
        let expected: f64 = a.iter().zip(&b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum();
        for isa in Isa::available() {
            let found = vecinity_kernel::vector::squared_distance_with(isa, &a, &b);
            prop_assert!((f64::from(found) - expected).abs() < 1e-5 * (1.0 + expected), "{isa:?}");
        }
    }
}
