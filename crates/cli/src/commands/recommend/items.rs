//! Items as a person types them: ids or titles with commas between, where ids and titles may hold commas.

use crate::args::Tokens;
use vecinity::{Error, TokenId};

/// Parts of a list that are tried together as one id or title.
const TOGETHER: usize = 8;

/// What was typed, looked up.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// Known items, in order.
    pub(super) known: Vec<TokenId>,
    /// What names nothing, each with the error that says so.
    pub(super) unknown: Vec<(String, Error)>,
}

/// Looks up lists of items. A list that as a whole is an id or title is one item.
///
/// # Errors
/// If a title belongs to several items.
pub(super) fn read(lists: &[String], tokens: &Tokens<'_>) -> vecinity::Result<Items> {
    let mut items = Items::default();
    for text in lists.iter().flat_map(|list| split(list, |text| tokens.knows(text))) {
        match tokens.get(&text) {
            Ok(id) => items.known.push(id),
            Err(error @ Error::UnknownToken { .. }) => items.unknown.push((text, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(items)
}

/// The advice of an error, as the end of a sentence.
pub(super) fn advice(error: &Error) -> String {
    error.advice().map(|advice| format!("; {advice}")).unwrap_or_default()
}

/// Cuts a list at commas, but not inside of what is known: the longest run of parts that is an id or a title
/// is one item.
fn split(list: &str, knows: impl Fn(&str) -> bool) -> Vec<String> {
    if knows(list.trim()) {
        return vec![list.trim().to_owned()];
    }
    let parts: Vec<&str> = list.split(',').collect();
    let (mut items, mut at) = (Vec::new(), 0);
    while at < parts.len() {
        let longest = (2..=TOGETHER.min(parts.len() - at)).rev().find(|&n| knows(parts[at..at + n].join(",").trim()));
        let n = longest.unwrap_or(1);
        let item = parts[at..at + n].join(",").trim().to_owned();
        if !item.is_empty() {
            items.push(item);
        }
        at += n;
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_at_commas_but_not_inside_of_what_is_known() {
        let known = ["Alien", "Terminator, The (1984)", "a,b", "a", "Good, the Bad, and the Ugly, The"];
        let cut = |list: &str| split(list, |text| known.contains(&text));
        assert_eq!(cut("Alien, Terminator, The (1984),7"), ["Alien", "Terminator, The (1984)", "7"]);
        assert_eq!(cut("a,b"), ["a,b"], "an exact id wins");
        assert_eq!(cut("a, b"), ["a", "b"]);
        assert_eq!(cut(" Good, the Bad, and the Ugly, The ,a"), ["Good, the Bad, and the Ugly, The", "a"]);
        assert_eq!(cut("x,,y,"), ["x", "y"]);
        assert!(cut("").is_empty());
    }
}
