//! The crate orderbook-rs. Its modification of price and quantity returns no trades, so a reprice is cancel, then enter.

use orderbook_rs::{Id, OrderBook, Side, TimeInForce};
use rivals::{ADD, CANCEL, Op, Rival, Sum};

struct Book(OrderBook<()>);

impl Rival for Book {
    fn new(_: u32, _: usize) -> Self {
        Book(OrderBook::new("AAPL"))
    }

    fn run(&mut self, op: &Op, sum: &mut Sum) {
        let id = Id::Sequential(op.id.into());
        if op.kind != ADD {
            self.0.cancel_order(id).expect("a live order is cancelled");
        }
        if op.kind == CANCEL {
            return;
        }
        let side = if op.side == 0 { Side::Buy } else { Side::Sell };
        let (_, result) = self
            .0
            .add_limit_order_with_result(id, op.price.into(), op.qty.into(), side, TimeInForce::Gtc, None)
            .expect("an order is accepted");
        for t in result.iter().flat_map(|r| r.match_result.trades().as_vec()) {
            if let Id::Sequential(maker) = t.maker_order_id() {
                sum.trade(maker as u32, t.quantity().as_u64());
            }
        }
    }
}

fn main() {
    rivals::main::<Book>("orderbook-rs");
}
