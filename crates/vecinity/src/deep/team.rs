//! Groups of examples on threads; what they add up to is added in a fixed order.
//!
//! Threads would only wait for each other if a group's whole result were merged at its end, and would write and read it once more
//! than is needed. Here a sum is cut into parts ([`InTurn`]), and a group adds to each of them what it has just computed, behind
//! the group before it: threads work one part behind the other, as on an assembly line.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often a waiting thread looks whether another one has panicked.
const LOOK: Duration = Duration::from_millis(50);

/// A sum, or a part of one, to which groups add one after the other.
#[derive(Debug, Default)]
pub struct InTurn<T> {
    /// The number of the group whose turn it is, and the sum.
    state: Mutex<(usize, T)>,
    called: Condvar,
}

impl<T> InTurn<T> {
    /// A sum before the first group.
    pub fn new(sum: T) -> Self {
        Self { state: Mutex::new((0, sum)), called: Condvar::new() }
    }

    /// Begins again with the first group; returns the sum as it is.
    pub fn begin(&mut self) -> &mut T {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).0 = 0;
        self.get_mut()
    }

    /// The sum, between two rounds of groups.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.state.get_mut().unwrap_or_else(PoisonError::into_inner).1
    }

    /// The sum.
    pub fn into_inner(self) -> T {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// The place of a group among those that add to the same sums.
#[derive(Debug)]
pub struct Turn<'a> {
    number: usize,
    failed: &'a AtomicBool,
}

impl Turn<'_> {
    /// That of a group that is the only one.
    #[must_use]
    pub fn alone() -> Turn<'static> {
        static NOBODY: AtomicBool = AtomicBool::new(false);
        Turn { number: 0, failed: &NOBODY }
    }

    /// The number of the group, from 0.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// Adds to a sum once the group before has. Every group has to add to the same sums in the same order.
    pub fn add<T>(&self, sum: &InTurn<T>, add: impl FnOnce(&mut T)) {
        let mut state = sum.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.0 != self.number {
            if self.failed.load(Ordering::Relaxed) {
                // The group before will never come; nobody is going to see the sum.
                return;
            }
            state = sum.called.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        add(&mut state.1);
        state.0 += 1;
        sum.called.notify_all();
    }
}

/// Tells the others when its thread panics.
struct Watch<'a>(&'a AtomicBool);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Does `work` for every task, on one thread for each of `rooms`.
///
/// * `work(turn, task, room)`: whatever does not depend on other tasks, in the thread's own `room`; what tasks add up to is added
///   with [`Turn::add`], in the order of tasks, whichever thread did the work: sums have the same bits for any number of threads.
///
/// # Panics
/// If there is no room, or `work` panics.
pub fn in_groups<T: Send, R: Send>(tasks: Vec<T>, rooms: &mut [R], work: impl Fn(&Turn<'_>, T, &mut R) + Sync) {
    assert!(!rooms.is_empty(), "somebody has to do the work");
    let threads = rooms.len().min(tasks.len());
    let (tasks, failed) = (Mutex::new(tasks.into_iter().enumerate()), AtomicBool::new(false));
    let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = |room: &mut R| {
        let watch = Watch(&failed);
        while let Some((number, task)) = next()
            && !failed.load(Ordering::Relaxed)
        {
            work(&Turn { number, failed: watch.0 }, task, room);
        }
    };
    let Some((own, others)) = rooms.split_first_mut() else { return };
    std::thread::scope(|scope| {
        for room in others.iter_mut().take(threads.saturating_sub(1)) {
            scope.spawn(|| run(room));
        }
        run(own);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_added_to_in_order_by_any_number_of_threads() {
        for threads in [1, 2, 7] {
            let parts = [InTurn::new(Vec::new()), InTurn::new(Vec::new())];
            in_groups((0..50).collect(), &mut vec![0; threads], |turn, task: u64, room| {
                for part in &parts {
                    // Early tasks take the longest.
                    std::thread::sleep(Duration::from_micros(200 - 4 * turn.number() as u64));
                    *room = task * task;
                    turn.add(part, |part| part.push((turn.number(), *room)));
                }
            });
            for part in parts {
                assert_eq!(part.into_inner(), (0..50).map(|n| (n as usize, n * n)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_panic_is_no_deadlock() {
        let sum = InTurn::new(0);
        let work = |turn: &Turn<'_>, (), _: &mut u8| {
            assert!(turn.number() != 1, "no");
            turn.add(&sum, |sum| *sum += 1);
        };
        let run = || in_groups(vec![(); 9], &mut [0; 3], work);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    }

    #[test]
    fn a_sum_can_be_begun_again() {
        let mut sum = InTurn::new(0);
        for round in 1..4 {
            sum.begin();
            in_groups(vec![1; 5], &mut [0; 2], |turn, task, _| turn.add(&sum, |sum| *sum += task));
            assert_eq!(*sum.get_mut(), 5 * round);
        }
    }
}
