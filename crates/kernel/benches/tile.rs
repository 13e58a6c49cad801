//! Products at the shapes of a network with a full softmax, beside `matrixmultiply` and the arithmetic ceiling.
//!
//! Throughput is in floating point operations, `2 m k n`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use vecinity_kernel::Isa;
use vecinity_kernel::matrix::{View, multiply};
use vecinity_kernel::vector::{lanes, multiply_add_ceiling};
use vecinity_kernel::{split, tile};

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("ceiling");
    for isa in Isa::available().into_iter().filter(|&isa| isa != Isa::Scalar) {
        group.throughput(Throughput::Elements((1000 * 2 * 96 * lanes(isa)) as u64));
        group.bench_function(isa.name(), |b| b.iter(|| multiply_add_ceiling(isa, black_box(1000))));
    }
    group.finish();
    // Scores of 128 items for 128 users; users from 3,416 items; items from 128 users; a layer.
    let shapes = [
        ("scores", 128, 64, 128, false),
        ("users", 128, 3416, 64, true),
        ("items", 3416, 128, 64, false),
        ("layer", 128, 256, 256, false),
        ("weights", 256, 128, 256, true),
    ];
    for (name, m, k, n, transposed) in shapes {
        let mut group = c.benchmark_group(format!("product/{name}"));
        let fill = |n: usize| (0..n).map(|i| (i % 101) as f32 / 1000.0).collect::<Vec<_>>();
        let (a, b, mut out) = (fill(m * k), fill(k * n), vec![0.0; m * n]);
        let view = if transposed { View::new(&a, k, m).transposed() } else { View::new(&a, m, k) };
        group.throughput(Throughput::Elements((2 * m * k * n) as u64));
        for isa in Isa::available().into_iter().filter(|&isa| isa != Isa::Scalar) {
            group.bench_function(format!("tile {}", isa.name()), |bench| {
                bench.iter(|| tile::multiply_with(isa, black_box(view), &b, true, &mut out));
            });
        }
        if split::has_matrix_tiles() {
            group.bench_function("matrix tiles, split", |bench| {
                bench.iter(|| split::multiply(black_box(view), &b, true, &mut out));
            });
        }
        group.bench_function("matrixmultiply", |bench| {
            bench.iter(|| multiply(1.0, black_box(view), View::new(&b, k, n), 1.0, &mut out));
        });
        group.finish();
    }
}

criterion_group!(benches, products);
criterion_main!(benches);
