//! What the rivals' programs share: reading a workload, the sum of trades, the clock and the line that is printed.
//! The file is that of package workload.

use std::time::Instant;

/// One operation. Sides are 0 buy, 1 sell.
pub struct Op {
    pub id: u32,
    pub qty: u32,
    pub price: u32,
    pub kind: u8,
    pub side: u8,
}

pub const ADD: u8 = 0;
pub const CANCEL: u8 = 1;

/// The number of trades and the hash of maker and quantity of each, in order.
pub struct Sum {
    trades: u64,
    hash: u64,
}

impl Sum {
    fn new() -> Self {
        Sum { trades: 0, hash: 1469598103934665603 }
    }

    pub fn trade(&mut self, maker: u32, qty: u64) {
        self.trades += 1;
        let term = u64::from(maker).wrapping_mul(31).wrapping_add(qty);
        self.hash = (self.hash ^ term).wrapping_mul(1099511628211);
    }
}

/// An engine that is driven by a workload.
pub trait Rival {
    /// max_id is the highest id of the workload, ops the number of its operations.
    fn new(max_id: u32, ops: usize) -> Self;
    fn run(&mut self, op: &Op, sum: &mut Sum);
}

/// Runs a rival as the command line says: PROGRAM RUNS FILE...
pub fn main<R: Rival>(name: &str) {
    let args: Vec<String> = std::env::args().collect();
    assert!(args.len() > 2, "usage: {name} RUNS FILE...");
    for path in &args[2..] {
        let (before, max_id, ops) = read(path);
        for _ in 0..args[1].parse().expect("a number of runs") {
            let mut rival = R::new(max_id, ops.len());
            let mut sum = Sum::new();
            for op in &ops[..before] {
                rival.run(op, &mut sum);
            }
            sum = Sum::new();
            let start = Instant::now();
            for op in &ops[before..] {
                rival.run(op, &mut sum);
            }
            let ns = start.elapsed().as_nanos() as f64 / (ops.len() - before) as f64;
            println!("{name} {path} ns/op {ns:.1} trades {} hash {:016x}", sum.trades, sum.hash);
        }
    }
}

fn read(path: &str) -> (usize, u32, Vec<Op>) {
    let raw = std::fs::read(path).expect(path);
    assert!(raw.len() >= 64 && &raw[..8] == b"MEBENCH1", "{path} is no workload");
    let u32_at = |b: &[u8], at: usize| u32::from_le_bytes(b[at..at + 4].try_into().unwrap());
    let ops = raw[64..]
        .chunks_exact(16)
        .map(|b| Op { id: u32_at(b, 0), qty: u32_at(b, 4), price: u32_at(b, 8), kind: b[12], side: b[13] })
        .collect();
    (u32_at(&raw, 8) as usize, u32_at(&raw, 16), ops)
}
