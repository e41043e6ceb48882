//! The crate lobster. It has no reprice: cancel, then enter.

use lobster::{OrderBook, OrderEvent, OrderType, Side};
use rivals::{ADD, CANCEL, Op, Rival, Sum};

struct Lobster(OrderBook);

impl Rival for Lobster {
    fn new(_: u32, ops: usize) -> Self {
        Lobster(OrderBook::new(ops, 10, false))
    }

    fn run(&mut self, op: &Op, sum: &mut Sum) {
        let id = u128::from(op.id);
        if op.kind != ADD {
            self.0.execute(OrderType::Cancel { id });
        }
        if op.kind == CANCEL {
            return;
        }
        let side = if op.side == 0 { Side::Bid } else { Side::Ask };
        let order = OrderType::Limit { id, side, qty: op.qty.into(), price: op.price.into() };
        if let OrderEvent::Filled { fills, .. } | OrderEvent::PartiallyFilled { fills, .. } = self.0.execute(order) {
            for f in &fills {
                sum.trade(f.order_2 as u32, f.qty);
            }
        }
    }
}

fn main() {
    rivals::main::<Lobster>("lobster");
}
