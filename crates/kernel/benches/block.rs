//! The training block at the shapes that models use, with the arithmetic ceiling beside it.
//!
//! Throughput is in floating point operations: `6 m n dim` for a block of `m` inputs, `n` candidates
//! (one multiply-add for the score, two for the updates). `ceiling` is what the multiply-add units can do.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use vecinity_kernel::vector::{lanes, multiply_add_ceiling, scan};
use vecinity_kernel::{Block, Isa, Labels, Rows, SharedRows};

fn table(rows: usize, dim: usize) -> SharedRows {
    let mut table = SharedRows::zeroed(rows, dim).expect("memory for a small table");
    for row in 0..rows {
        for (k, v) in table.row_mut(row).iter_mut().enumerate() {
            *v = ((row * 31 + k * 17) % 101) as f32 / 1000.0 - 0.05;
        }
    }
    table
}

fn ceiling(c: &mut Criterion) {
    let mut group = c.benchmark_group("ceiling");
    for isa in Isa::available().into_iter().filter(|&isa| isa != Isa::Scalar) {
        group.throughput(Throughput::Elements((1000 * 2 * 96 * lanes(isa)) as u64));
        group.bench_function(isa.name(), |b| b.iter(|| multiply_add_ceiling(isa, black_box(1000))));
    }
}

fn block(c: &mut Criterion) {
    for dim in [100, 300] {
        let mut group = c.benchmark_group(format!("block/dim{dim}"));
        // Windows of skip-gram (five noise rows, three), path of hierarchical softmax, a set, a single pair.
        for (m, n) in [(6, 6), (6, 4), (6, 13), (8, 16), (1, 6)] {
            let (inputs, candidates) = (table(64, dim), table(64, dim));
            // Scattered rows, as in training: equal rows of both tables would share cache sets.
            let (x, o): (Vec<u32>, Vec<u32>) =
                ((0..m as u32).map(|i| i * 7).collect(), (0..n as u32).map(|j| (j * 11 + 3) % 64).collect());
            group.throughput(Throughput::Elements((6 * m * n * dim) as u64));
            for isa in Isa::available() {
                let mut block = Block::for_isa(isa);
                group.bench_function(BenchmarkId::new(isa.name(), format!("{m}x{n}")), |b| {
                    b.iter(|| {
                        let rows = (Rows::new(&inputs, &x), Rows::new(&candidates, &o));
                        block.train(rows.0, rows.1, Labels::FirstIsTrue, black_box(1e-6));
                    });
                });
            }
        }
        // CBOW: the mean of a window. Of the `6 n dim` operations of the block itself; pooling comes on top.
        let (inputs, candidates) = (table(64, dim), table(64, dim));
        group.throughput(Throughput::Elements((6 * 6 * dim) as u64));
        for isa in Isa::available() {
            let mut block = Block::for_isa(isa);
            group.bench_function(BenchmarkId::new(isa.name(), "pooled6x6"), |b| {
                b.iter(|| {
                    let (x, o) = ([0, 7, 14, 21, 28, 35], [3, 14, 25, 36, 47, 58]);
                    let mut bound = block.bind(Rows::new(&inputs, &x), Rows::new(&candidates, &o));
                    bound.train_pooled(Labels::FirstIsTrue, black_box(1e-6), 1.0);
                });
            });
        }
    }
}

fn scans(c: &mut Criterion) {
    let (rows, dim) = (200_000, 100);
    let values: Vec<f32> = (0..rows * dim).map(|i| (i % 97) as f32 / 97.0).collect();
    let (query, mut dots) = (vec![0.5; dim], vec![0.0; rows]);
    let mut group = c.benchmark_group("scan");
    group.throughput(Throughput::Bytes((rows * dim * 4) as u64));
    group.bench_function("200000x100", |b| b.iter(|| scan(&query, black_box(&values), &mut dots, None)));
}

criterion_group!(benches, ceiling, block, scans);
criterion_main!(benches);
