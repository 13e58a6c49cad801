//! Groups of examples on threads, summed in a fixed order.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose turn it is to merge; `None` once a thread has panicked, so that nobody waits for it.
struct Turn<'a>(&'a Mutex<Option<usize>>, &'a Condvar);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *lock(self.0) = None;
            self.1.notify_all();
        }
    }
}

/// Does `work` for every task, on one thread for each of `rooms`, and calls `merge` in the order of tasks.
///
/// * `work(number, task, room)`: whatever does not depend on other tasks; its result lies in the `room`.
/// * `merge(number, room)`: takes the result out of the room. Called with task 0, then 1, and so on, whichever
///   thread did the work: sums have the same bits for any number of threads.
///
/// # Panics
/// If there is no room, or `work` or `merge` panics.
pub fn in_groups<T: Send, R: Send>(
    tasks: Vec<T>,
    rooms: &mut [R],
    work: impl Fn(usize, T, &mut R) + Sync,
    merge: impl FnMut(usize, &mut R) + Send,
) {
    assert!(!rooms.is_empty(), "somebody has to do the work");
    let threads = rooms.len().min(tasks.len());
    let tasks = Mutex::new(tasks.into_iter().enumerate());
    let (turn, called, merge) = (Mutex::new(Some(0)), Condvar::new(), Mutex::new(merge));
    let run = |room: &mut R| {
        let _guard = Turn(&turn, &called);
        loop {
            let next = lock(&tasks).next();
            let Some((number, task)) = next else { break };
            work(number, task, room);
            let mut now = lock(&turn);
            while now.is_some_and(|now| now != number) {
                now = called.wait(now).unwrap_or_else(PoisonError::into_inner);
            }
            let Some(current) = now.as_mut() else { break };
            (lock(&merge))(number, room);
            *current = number + 1;
            called.notify_all();
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
    fn results_are_merged_in_order_by_any_number_of_threads() {
        for threads in [1, 2, 7] {
            let mut merged = Vec::new();
            let work = |number: usize, task: u64, room: &mut u64| {
                // Early tasks take the longest.
                std::thread::sleep(std::time::Duration::from_micros(200 - 4 * number as u64));
                *room = task * task;
            };
            in_groups((0..50).collect(), &mut vec![0; threads], work, |number, room| merged.push((number, *room)));
            assert_eq!(merged, (0..50).map(|n| (n as usize, n * n)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_panic_is_no_deadlock() {
        let work = |number: usize, (), _: &mut u8| assert!(number != 1, "no");
        let run = || in_groups(vec![(); 9], &mut [0; 3], work, |_, _| ());
        assert!(std::panic::catch_unwind(run).is_err());
    }
}
