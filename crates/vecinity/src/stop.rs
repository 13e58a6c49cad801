//! The wish that work should end, heard at any depth of it.
//!
//! Reading and measuring take minutes, far below whoever has the user's ear. A [`Stop`] belongs to the work of a thread
//! ([`Stop::during`]); what returns a `Result` looks at it between two pieces of work ([`check`]), and loops on many threads take it
//! along ([`Stop::current`]), skip what is left, and leave the error to their caller. Numbers of skipped work mean nothing: whoever
//! takes them checks first.
//!
//! May import: `error`.  Used by: everybody.

use crate::error::{Error, Result};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    static CURRENT: RefCell<Stop> = RefCell::default();
}

/// Whether some work should end. Clones are the same wish.
///
/// # Example
/// ```
/// use vecinity::stop::{Stop, check};
/// let stop = Stop::default();
/// assert!(stop.during(check).is_ok());
/// stop.request();
/// assert!(stop.during(check).is_err());
/// assert!(check().is_ok(), "other work goes on");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// That of the work this thread does; one that nobody asks for if there is none.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Asks the work to end.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Does some work on this thread, which ends when this is asked for and not when an outer one is.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        /// Puts the outer one back, also when the work panics.
        struct Outer(Stop);
        impl Drop for Outer {
            fn drop(&mut self) {
                CURRENT.set(std::mem::take(&mut self.0));
            }
        }
        let _outer = Outer(CURRENT.replace(self.clone()));
        work()
    }
}

impl From<Arc<AtomicBool>> for Stop {
    /// A flag that something else sets, such as the handler of a signal.
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }
}

/// Goes on, unless the work of this thread should end.
///
/// # Errors
/// [`Error::Interrupted`].
pub fn check() -> Result<()> {
    let requested = CURRENT.with_borrow(Stop::requested);
    if requested { Err(Error::Interrupted { checkpoint: None }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_work_ends_by_its_own_wish_only() {
        let (outer, inner) = (Stop::default(), Stop::default());
        outer.request();
        outer.during(|| {
            assert!(inner.during(check).is_ok());
            assert!(check().is_err() && Stop::current().requested());
        });
        let panicked = std::panic::catch_unwind(|| outer.during(|| panic!("as some work does")));
        assert!(panicked.is_err() && check().is_ok(), "the outer one is back");
    }

    #[test]
    fn other_threads_take_it_along() {
        let stop = Stop::default();
        stop.during(|| {
            let along = Stop::current();
            std::thread::scope(|scope| scope.spawn(|| stop.request()).join()).unwrap();
            assert!(along.requested());
        });
    }
}
