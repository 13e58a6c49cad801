//! What became of each sequence of clicks: the item it ended in, and the items that were refused.

/// One entry a sequence, in the order of the sequences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    goals: Vec<u32>,
    refused: Vec<u32>,
    ends: Vec<usize>,
}

/// Stands for no item.
const NONE: u32 = u32::MAX;

impl Outcomes {
    /// Appends the outcome of the next sequence.
    ///
    /// * `goal`: the item that it ended in (booked, bought), if it did; `refused`: items that were asked for in vain.
    pub fn push(&mut self, goal: Option<u32>, refused: &[u32]) {
        self.goals.push(goal.unwrap_or(NONE));
        self.refused.extend_from_slice(refused);
        self.ends.push(self.refused.len());
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.goals.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.goals.is_empty()
    }

    /// The item that sequence number `row` ended in.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    #[inline]
    pub fn goal(&self, row: usize) -> Option<u32> {
        Some(self.goals[row]).filter(|&goal| goal != NONE)
    }

    /// The items that were refused in sequence number `row`.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    #[inline]
    pub fn refused(&self, row: usize) -> &[u32] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.refused[start..self.ends[row]]
    }

    /// How many sequences ended in an item.
    #[must_use]
    pub fn reached(&self) -> usize {
        self.goals.iter().filter(|&&goal| goal != NONE).count()
    }

    /// Adds everything to a hash.
    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        for &number in self.goals.iter().chain(&self.refused) {
            hasher.update(&number.to_le_bytes());
        }
        for &end in &self.ends {
            hasher.update(&(end as u64).to_le_bytes());
        }
    }
}
