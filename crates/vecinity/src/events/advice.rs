//! What the data says about how to learn from it, and what will probably disappoint.

use super::Report;
use crate::error::grouped;

/// From this share of neighbouring events with the same time on, order means nothing: lines of an invoice.
/// Of ratings that people give one after the other (ML-100K) half share their second; of invoices 96 %.
const SETS: f64 = 0.8;

/// From this share on what comes next is not always known, and contexts on both sides say more than those before. ML-100K (51 %
/// share their second): NDCG@10 on validation .129 against .118; ML-1M (none do): HR@10 .249 against .267.
const VAGUE: f64 = 0.25;

impl Report {
    /// Why contexts on both sides are to be learned from, if the order is too vague for what comes next.
    #[must_use]
    pub fn vague_order(&self) -> Option<String> {
        let vague = self.time_unit.is_some() && self.same_time >= VAGUE;
        vague.then(|| {
            format!(
                "{:.0} % of neighbouring events share their time, so contexts count on both sides",
                100.0 * self.same_time
            )
        })
    }

    /// Why the events are sets rather than sequences, if they are.
    #[must_use]
    pub fn sets(&self) -> Option<String> {
        if self.time_unit.is_some() && self.same_time >= SETS {
            let share = 100.0 * self.same_time;
            return Some(format!(
                "{share:.0} % of neighbouring events have the same time: they are sets, such as baskets"
            ));
        }
        // Beside users a column of transactions may name just the few events that were one.
        if self.same_time < SETS / 2.0 && self.columns.iter().any(|column| column.ends_with(" -> user")) {
            return None;
        }
        let basket = self.columns.iter().filter_map(|column| column.strip_suffix(" -> session")).find(|name| {
            let name = name.to_lowercase();
            ["basket", "order", "invoice", "transaction", "cart", "receipt", "recipe"]
                .iter()
                .any(|word| name.contains(word))
        });
        basket.map(|name| format!("'{name}' names baskets, whose order means nothing"))
    }

    /// What will probably disappoint, a sentence each.
    ///
    /// * `sequences`: whether the order is going to be learned from.
    #[must_use]
    pub fn warnings(&self, sequences: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(why) = self.sets().filter(|_| sequences) {
            warnings.push(format!(
                "{why}; --kind sequence learns from an order that is not there. --kind set does not, nor does a network with \
                 --strictly-earlier"
            ));
        }
        if self.swapped {
            warnings.push(format!("the columns look swapped ({}); --columns says otherwise", self.columns.join(", ")));
        } else if self.guessed_columns && self.owners > 0 && self.items > 20 * self.owners {
            warnings.push(format!(
                "the column taken for items has {} values and the one taken for users {}: swapped? --columns says otherwise",
                grouped(self.items),
                grouped(self.owners)
            ));
        }
        let single = self.single as f64 / self.histories.max(1) as f64;
        if single > 0.5 {
            warnings.push(format!(
                "{:.0} % of the histories have one item, which teaches nothing; is the user column right?",
                100.0 * single
            ));
        }
        if let Some(latest) = self.latest
            && latest > now() + DAY
        {
            let days = (latest - now()) / DAY;
            warnings.push(format!("the latest event is {} days in the future", grouped(days as u64)));
        }
        if self.equal_weights {
            warnings.push("all weights are equal: they say nothing".into());
        }
        warnings
    }
}

const DAY: i64 = 86_400_000;

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Unit;

    #[test]
    fn lines_of_an_invoice_are_sets() {
        let report = Report { time_unit: Some(Unit::Seconds), same_time: 0.96, ..Report::default() };
        assert_eq!(
            report.sets().unwrap(),
            "96 % of neighbouring events have the same time: they are sets, such as baskets"
        );
        assert_eq!(Report { same_time: 0.5, ..report.clone() }.sets(), None);
        let vague = Report { same_time: 0.5, ..report.clone() }.vague_order().unwrap();
        assert!(vague.starts_with("50 % of neighbouring events share their time"), "{vague}");
        assert_eq!(Report { same_time: 0.1, ..report.clone() }.vague_order(), None);
        let orders = Report { columns: vec!["order_id -> session".into()], ..Report::default() };
        assert_eq!(orders.sets().unwrap(), "'order_id' names baskets, whose order means nothing");
        assert_eq!(Report { columns: vec!["session -> session".into()], ..Report::default() }.sets(), None);
        assert!(report.warnings(true)[0].ends_with("with --strictly-earlier"));
        assert_eq!(report.warnings(false), [""; 0]);
    }

    #[test]
    fn what_disappoints_is_said() {
        let report =
            Report { single: 9, histories: 10, owners: 10, items: 300, guessed_columns: true, ..Report::default() };
        let said = report.warnings(true).join("\n");
        assert!(said.contains("has 300 values and the one taken for users 10: swapped?"), "{said}");
        assert!(said.contains("90 % of the histories have one item"), "{said}");
        let future = Report { latest: Some(i64::MAX / 2), ..Report::default() };
        assert!(future.warnings(true)[0].contains("days in the future"));
    }
}
