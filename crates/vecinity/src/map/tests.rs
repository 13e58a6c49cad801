use super::*;
use crate::rng::Rng;

/// Groups of directions around `groups` corners of a cube, mixed by row.
fn groups(groups: usize, rows: usize) -> Matrix {
    let mut rng = Rng::new(5, 0);
    let values = (0..rows).flat_map(|row| {
        let of = row % groups;
        (0..8).map(|at| if at == of { 1.0 } else { 0.0 } + 0.1 * (rng.f32() - 0.5)).collect::<Vec<f32>>()
    });
    Matrix::new(rows, 8, values.collect())
}

fn distance(a: Point, b: Point) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[test]
fn principal_components_are_those_worked_out_by_hand() {
    // After scaling: four directions in a plane of three dimensions; the third value never differs.
    let matrix = Matrix::new(4, 3, vec![2.0, 0.0, 0.0, /**/ -1.0, 0.0, 0.0, /**/ 0.0, 0.6, 0.8, /**/ 0.0, -0.6, 0.8]);
    let places = principal(&matrix, 4).unwrap();
    // Largest spread: the third value (0.8, twice against 0, twice: 0.64) is less than the first (1 and -1: 2).
    assert!((places[0][0] - 1.0).abs() < 1e-4 && (places[1][0] + 1.0).abs() < 1e-4, "{places:?}");
    assert!(places[2][0].abs() < 1e-4 && places[3][0].abs() < 1e-4);
    assert!((places[2][1] + places[3][1]).abs() < 1e-3, "the second direction tells these two apart: {places:?}");
    assert!((places[2][1] - places[3][1]).abs() > 1.0);
}

#[test]
fn a_layout_keeps_groups_together_and_apart_and_is_the_same_on_any_number_of_threads() {
    let matrix = groups(4, 200);
    let settings = Settings { points: 200, neighbors: 10, ..Settings::default() };
    let mut seen = 0.0;
    let places = layout(&matrix, &settings, &mut |done| {
        assert!(done >= seen && done < 1.0);
        seen = done;
        true
    })
    .unwrap();
    assert_eq!(places, layout(&matrix, &Settings { threads: 3, ..settings }, &mut |_| true).unwrap());
    assert!(places.iter().flatten().all(|value| value.is_finite()));
    let (mut inside, mut across) = (0.0f32, f32::INFINITY);
    for a in 0..200 {
        for b in 0..a {
            let between = distance(places[a], places[b]);
            if a % 4 == b % 4 { inside = inside.max(between) } else { across = across.min(between) }
        }
    }
    assert!(across > 0.5, "groups touch: {across}");
    assert!(inside < 30.0, "a group is torn: {inside}");
    // The nearest in the picture is of the same group, for everybody.
    for a in 0..200 {
        let nearest = (0..200)
            .filter(|&b| b != a)
            .min_by(|&b, &c| distance(places[a], places[b]).total_cmp(&distance(places[a], places[c])));
        assert_eq!(nearest.unwrap() % 4, a % 4);
    }
}

#[test]
fn a_layout_can_be_given_up_and_needs_something_to_draw() {
    let matrix = groups(4, 40);
    let error = layout(&matrix, &Settings::default(), &mut |done| done < 0.1).unwrap_err();
    assert!(matches!(error, crate::Error::Interrupted { .. }));
    let error = principal(&matrix, 1).unwrap_err();
    assert_eq!(error.to_string(), "1 vectors of 8 values make no picture");
    // All the same: no picture, but no NaN either.
    let same = Matrix::new(30, 2, vec![1.0; 60]);
    let settings = Settings { points: 30, neighbors: 5, ..Settings::default() };
    assert!(layout(&same, &settings, &mut |_| true).unwrap().iter().flatten().all(|value| value.is_finite()));
}
