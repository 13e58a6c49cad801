//! k-means on small matrices.

use super::*;
use proptest::prelude::*;

fn matrix(rows: &[[f32; 2]]) -> Matrix {
    Matrix::new(rows.len(), 2, rows.iter().flatten().copied().collect())
}

fn settings(clusters: usize, metric: Metric) -> Settings {
    Settings { clusters, metric, ..Settings::default() }
}

#[test]
fn two_groups_by_hand() {
    // Means (0, 1) and (10, 0); squared distances 1 + 1 + 1 + 0 + 1 against those to the mean (6, 0.4).
    let rows = matrix(&[[0.0, 0.0], [10.0, 1.0], [10.0, 0.0], [10.0, -1.0], [0.0, 2.0]]);
    let found = kmeans(&rows, &settings(2, Metric::Euclidean)).unwrap();
    assert_eq!(found.of, [1, 0, 0, 0, 1]);
    assert_eq!(found.sizes, [3, 2]);
    for (value, expected) in found.centroids.iter().zip([10.0, 0.0, 0.0, 1.0]) {
        assert!((value - expected).abs() < 1e-5, "{:?}", found.centroids);
    }
    for (distance, expected) in found.distances.iter().zip([1.0, 1.0, 0.0, 1.0, 1.0]) {
        assert!((distance - expected).abs() < 1e-5, "{:?}", found.distances);
    }
    let spread = 2.0 * 36.0 + 3.0 * 16.0 + 0.16 + 0.36 + 0.16 + 1.96 + 2.56;
    assert!((found.explained - (1.0 - 4.0 / spread)).abs() < 1e-6);
    assert_eq!(found.central(0, 2), [2, 1]);
}

#[test]
fn cosine_looks_at_directions_and_euclidean_at_places() {
    let rows = matrix(&[[1.0, 0.0], [100.0, 0.0], [0.0, 1.0], [0.0, 100.0], [0.0, 99.0]]);
    assert_eq!(kmeans(&rows, &settings(2, Metric::Cosine)).unwrap().of, [1, 1, 0, 0, 0]);
    let places = kmeans(&rows, &settings(3, Metric::Euclidean)).unwrap();
    assert_eq!(places.of[0], places.of[2]);
    assert_ne!(places.of[1], places.of[3]);
}

#[test]
fn what_cannot_be_grouped_is_refused() {
    let rows = matrix(&[[1.0, 0.0], [1.0, 0.0], [3.0, 0.0], [0.0, 2.0]]);
    let message = |clusters, metric| kmeans(&rows, &settings(clusters, metric)).unwrap_err().to_string();
    assert_eq!(message(9, Metric::Cosine), "clusters is 9, expected 1 to 4, the number of vectors");
    assert_eq!(message(0, Metric::Cosine), "clusters is 0, expected 1 to 4, the number of vectors");
    assert_eq!(message(3, Metric::Cosine), "clusters is 3, expected at most 2, the number of distinct vectors");
    assert_eq!(message(4, Metric::Euclidean), "clusters is 4, expected at most 3, the number of distinct vectors");
    assert!(message(2, Metric::Dot).starts_with("metric is dot, expected cosine or euclidean"));
}

#[test]
fn a_row_of_zeros_is_at_right_angles_to_every_centroid() {
    let found = kmeans(&matrix(&[[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]]), &settings(2, Metric::Cosine)).unwrap();
    assert_eq!(found.distances[0], 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every row is at its nearest centroid, every centroid is the mean of its rows, and threads change nothing.
    #[test]
    fn the_end_is_a_fixed_point_on_any_number_of_threads(
        values in prop::collection::vec(-8i8..8, 40..4000), clusters in 1usize..7, seed in 0u64..9, cosine: bool,
    ) {
        let values: Vec<f32> = values.iter().map(|&v| f32::from(v) + 0.5).collect();
        let n = values.len() / 2;
        let rows = Matrix::new(n, 2, values[..2 * n].to_vec());
        let metric = if cosine { Metric::Cosine } else { Metric::Euclidean };
        let settings = Settings { seed, ..settings(clusters, metric) };
        let Ok(found) = kmeans(&rows, &settings) else { return Ok(()) };
        prop_assert_eq!(&kmeans(&rows, &Settings { threads: 3, ..settings }).unwrap(), &found);
        prop_assert_eq!(found.sizes.iter().sum::<usize>(), n);
        prop_assert!(found.sizes.is_sorted_by(|a, b| a >= b) && !found.sizes.contains(&0));
        prop_assert!((0.0..=1.0).contains(&found.explained));
        // The last round may still have moved rows by less than a millionth of all distances.
        let away = |row: usize, c: usize| {
            let score = metric.score(rows.row(row), &found.centroids[2 * c..2 * c + 2]);
            f64::from(if cosine { 2.0 - 2.0 * score } else { score * score })
        };
        let own: f64 = (0..n).map(|row| away(row, found.of[row] as usize)).sum();
        let best: f64 = (0..n).map(|row| (0..clusters).map(|c| away(row, c)).fold(f64::MAX, f64::min)).sum();
        prop_assert!(own <= best * 1.001 + 1e-3, "{own} against {best}");
    }
}
