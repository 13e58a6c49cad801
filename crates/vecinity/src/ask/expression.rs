//! Reading expressions such as `madrid - spain + france`.
//!
//! ```text
//! expression  =  [sign] term { sign term }
//! sign        =  "+" | "-"
//! term        =  [ number "*" ] token
//! ```
//!
//! * A token stands bare (`paris`) or in single or double quotes (`"new york"`, `'t-light'`), which it
//!   needs if it holds spaces, operators or a number and a star that the model does not know as a whole.
//! * **What the model knows as a whole is one token.** If it knows `t-light`, then `t-light - candle`
//!   is a difference of two tokens; and `t - light` needs the spaces to be a difference of `t` and `light`.
//!   Otherwise spaces do not matter: `madrid-spain+france` is `madrid - spain + france`.
//! * Several bare words in a row are one token if the model knows them joined by a space.
//! * Signs and stars may be the full-width ones, `−` and `×`.
//!
//! Knows nothing of models: whether a text names a token is asked of a closure.

use crate::error::{Error, Result};

/// A token with its weight in a sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Term<T> {
    /// Positive to go towards the token, negative to go away from it; never zero.
    pub weight: f32,
    /// The token.
    pub token: T,
}

/// Reads an expression; `known` says whether a text names a token.
///
/// Tokens that are not known are returned as they stand: who looks them up can say it better.
///
/// # Errors
/// [`Error::Data`] naming what is missing where.
///
/// # Example
/// ```
/// use vecinity::ask::expression::{parse, Term};
/// let known = |token: &str| ["paris", "t-light", "new york"].contains(&token);
/// let terms = parse("t-light - 2*paris + 'new york'", &known)?;
/// let term = |weight, token: &str| Term { weight, token: token.to_owned() };
/// assert_eq!(terms, [term(1.0, "t-light"), term(-2.0, "paris"), term(1.0, "new york")]);
/// # Ok::<(), vecinity::Error>(())
/// ```
pub fn parse(text: &str, known: &dyn Fn(&str) -> bool) -> Result<Vec<Term<String>>> {
    if known(text.trim()) {
        return Ok(vec![Term { weight: 1.0, token: text.trim().to_owned() }]);
    }
    let mut terms = Vec::new();
    let mut pieces = pieces(text, known)?.into_iter().peekable();
    while pieces.peek().is_some() {
        let weight = match pieces.next_if(|piece| matches!(piece, Piece::Sign(_))) {
            Some(Piece::Sign(sign)) => sign,
            // The first term needs none; any other ends only before one.
            _ => 1.0,
        };
        let mut words = Vec::new();
        while let Some(Piece::Word(word)) = pieces.next_if(|piece| matches!(piece, Piece::Word(_))) {
            words.push(word);
        }
        if matches!(pieces.peek(), Some(Piece::Times)) {
            pieces.next();
            let factor = number(&words.join(" ")).ok_or_else(|| {
                let before = words.join(" ");
                complain(text, &format!("before '*' stands '{before}', expected a positive number"), "write 2*token")
            })?;
            let mut words = Vec::new();
            while let Some(Piece::Word(word)) = pieces.next_if(|piece| matches!(piece, Piece::Word(_))) {
                words.push(word);
            }
            if matches!(pieces.peek(), Some(Piece::Times)) {
                return Err(complain(text, "a term has two stars", "write 2*token"));
            }
            terms.push(Term { weight: weight * factor, token: join(&words, text, known)? });
        } else {
            terms.push(Term { weight, token: join(&words, text, known)? });
        }
    }
    if terms.is_empty() {
        return Err(complain(text, "it is empty", "write for example: madrid - spain + france"));
    }
    Ok(terms)
}

/// The words of one token: one word, or several that the model knows joined.
fn join(words: &[String], text: &str, known: &dyn Fn(&str) -> bool) -> Result<String> {
    match words {
        [] => Err(complain(text, "a token is missing before or after an operator", "write for example: a - b + c")),
        [word] => Ok(word.clone()),
        [first, second, ..] => {
            let joined = words.join(" ");
            if known(&joined) {
                return Ok(joined);
            }
            let advice = format!("put the token in quotes if it is one: \"{joined}\"");
            Err(complain(text, &format!("there is no + or - between '{first}' and '{second}'"), &advice))
        }
    }
}

fn complain(text: &str, what: &str, advice: &str) -> Error {
    Error::data(format!("cannot read the expression '{text}': {what}"), advice)
}

enum Piece {
    /// 1 or -1.
    Sign(f32),
    Times,
    Word(String),
}

fn operator(c: char) -> Option<Piece> {
    match c {
        '+' | '＋' => Some(Piece::Sign(1.0)),
        '-' | '−' | '－' => Some(Piece::Sign(-1.0)),
        c if star(c) => Some(Piece::Times),
        _ => None,
    }
}

fn star(c: char) -> bool {
    matches!(c, '*' | '×' | '＊')
}

/// A positive finite number written in digits.
fn number(text: &str) -> Option<f32> {
    let digits = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|n: &f32| digits && n.is_finite() && *n > 0.0)
}

fn pieces(text: &str, known: &dyn Fn(&str) -> bool) -> Result<Vec<Piece>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let chunk = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
        let quoted = (first == '"' || first == '\'') && !known(chunk);
        let length = if quoted {
            let inside = &rest[first.len_utf8()..];
            let end = inside.find(first).ok_or_else(|| {
                complain(text, &format!("the quote before '{inside}' is not closed"), "close it, or use the other kind")
            })?;
            found.push(Piece::Word(inside[..end].to_owned()));
            end + 2 * first.len_utf8()
        } else if chunk.len() > first.len_utf8() && known(chunk) {
            found.push(Piece::Word(chunk.to_owned()));
            chunk.len()
        } else if let Some(sign) = operator(first) {
            found.push(sign);
            first.len_utf8()
        } else {
            // Up to a quote that follows an operator, as in 2*"new york".
            let quote = chunk
                .char_indices()
                .zip(chunk.chars().skip(1))
                .find_map(|((at, c), next)| (operator(c).is_some() && (next == '"' || next == '\'')).then_some(at));
            let bare = &chunk[..quote.unwrap_or(chunk.len())];
            split(bare, known, &mut found);
            bare.len()
        };
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// A token inside a sum without spaces holds fewer operators than this; more is not looked for, so that a hostile
/// expression costs no more than its length.
const MOST_OPERATORS: usize = 32;

/// Splits a text without spaces at its operators: into known tokens if that can be done, the longest
/// first; otherwise at every operator if that gives a known token, and not at all if it does not.
fn split(mut bare: &str, known: &dyn Fn(&str) -> bool, found: &mut Vec<Piece>) {
    while let Some((at, sign)) = bare.char_indices().find(|&(at, c)| star(c) && number(&bare[..at]).is_some()) {
        found.extend([Piece::Word(bare[..at].to_owned()), Piece::Times]);
        bare = &bare[at + sign.len_utf8()..];
    }
    let operators: Vec<(usize, usize)> =
        bare.char_indices().filter(|(_, c)| operator(*c).is_some()).map(|(at, c)| (at, at + c.len_utf8())).collect();
    // From the right: where does the piece that starts behind operator `i - 1` end, if all that follows can be split?
    let starts: Vec<usize> = std::iter::once(0).chain(operators.iter().map(|&(_, end)| end)).collect();
    let mut ends: Vec<Option<usize>> = vec![None; starts.len()];
    for i in (0..starts.len()).rev() {
        ends[i] = (i..starts.len().min(i + MOST_OPERATORS)).rev().find(|&j| {
            let end = operators.get(j).map_or(bare.len(), |&(at, _)| at);
            let piece = &bare[starts[i]..end];
            let is_factor = j == i && number(piece).is_some() && bare[end..].starts_with(star);
            (is_factor || known(piece)) && (j + 1 == starts.len() || ends[j + 1].is_some())
        });
    }
    let pieces: Vec<&str> = bare.split(|c| operator(c).is_some()).collect();
    if ends[0].is_none() && pieces.iter().any(|piece| known(piece)) {
        ends = (0..starts.len()).map(Some).collect();
    }
    let mut i = 0;
    while i < starts.len() {
        let j = ends[i].unwrap_or(starts.len() - 1);
        let end = operators.get(j).map_or(bare.len(), |&(at, _)| at);
        if end > starts[i] {
            found.push(Piece::Word(bare[starts[i]..end].to_owned()));
        }
        found.extend(bare[end..].chars().next().and_then(operator));
        i = j + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known(token: &str) -> bool {
        let tokens =
            ["a", "b", "c", "a-b", "t-light", "new york", "2028", "2*a", "-", "+x", "'tis", "法国", "Spider-Man 2"];
        tokens.contains(&token)
    }

    fn read(text: &str) -> String {
        match parse(text, &known) {
            Ok(terms) => terms.iter().map(|term| format!("{:+}[{}]", term.weight, term.token)).collect(),
            Err(error) => format!("{error} | {}", error.advice().unwrap_or_default()),
        }
    }

    #[test]
    fn spaces_do_not_matter_where_no_token_holds_an_operator() {
        for text in ["b - a + c", "b-a+c", " b -a  +c ", "b − a ＋ c", "+b-a+c"] {
            assert_eq!(read(text), "+1[b]-1[a]+1[c]", "{text}");
        }
        assert_eq!(read("-法国+a"), "-1[法国]+1[a]");
    }

    #[test]
    fn a_token_with_an_operator_in_it_goes_before_the_operator() {
        assert_eq!(read("t-light - a"), "+1[t-light]-1[a]");
        assert_eq!(read("t-light-a"), "+1[t-light]-1[a]");
        assert_eq!(read("c-a-b"), "+1[c]-1[a-b]");
        assert_eq!(read("a - b"), "+1[a]-1[b]");
        assert_eq!(
            read("a +x"),
            "cannot read the expression 'a +x': there is no + or - between 'a' and '+x' \
             | put the token in quotes if it is one: \"a +x\""
        );
    }

    #[test]
    fn quotes_hold_spaces_operators_and_the_other_quote() {
        assert_eq!(read("\"new york\" - 'a - b'"), "+1[new york]-1[a - b]");
        assert_eq!(read("\"it's\"-a"), "+1[it's]-1[a]");
        assert_eq!(read("'tis - a"), "+1['tis]-1[a]");
        assert_eq!(
            read("a - 'b"),
            "cannot read the expression 'a - 'b': the quote before 'b' is not closed \
             | close it, or use the other kind"
        );
    }

    #[test]
    fn words_that_are_one_token_together_need_no_quotes() {
        assert_eq!(read("new york - a"), "+1[new york]-1[a]");
        assert_eq!(read("a - Spider-Man 2"), "+1[a]-1[Spider-Man 2]");
        assert_eq!(
            read("a b"),
            "cannot read the expression 'a b': there is no + or - between 'a' and 'b' \
             | put the token in quotes if it is one: \"a b\""
        );
    }

    #[test]
    fn weights_are_numbers_before_a_star() {
        assert_eq!(read("2*b - 0.5 * a"), "+2[b]-0.5[a]");
        assert_eq!(read("b-2*c"), "+1[b]-2[c]");
        assert_eq!(read("2*\"new york\"+3×a"), "+2[new york]+3[a]");
        assert_eq!(read("2028 - 2*2028"), "+1[2028]-2[2028]");
        // The model knows a token '2*a'.
        assert_eq!(read("b + 2*a"), "+1[b]+1[2*a]");
        for text in ["x * a", "0*c", "inf * a", "* a", "nan*a"] {
            assert!(read(text).contains("expected a positive number"), "{text}: {}", read(text));
        }
        assert!(read("2*3*a").contains("two stars"));
    }

    #[test]
    fn an_unknown_token_is_returned_as_it_stands() {
        assert_eq!(read("madrid"), "+1[madrid]");
        // Nothing of it is known: a mistyped token rather than a sum.
        assert_eq!(read("t-lihgt"), "+1[t-lihgt]");
        // A part of it is known: a sum with a mistyped term.
        assert_eq!(read("a-spian"), "+1[a]-1[spian]");
        assert_eq!(read("2*paris"), "+2[paris]");
    }

    #[test]
    fn missing_tokens_and_empty_expressions_are_refused() {
        for text in ["a -", "+ ", "a + - b", "a--b", "2*"] {
            assert!(read(text).contains("a token is missing"), "{text}: {}", read(text));
        }
        assert!(read("  ").contains("it is empty"));
    }

    #[test]
    fn a_long_expression_costs_no_more_than_its_length() {
        let terms = parse(&vec!["a"; 50_000].join("-"), &known).unwrap();
        assert_eq!(terms.len(), 50_000);
        let unknown = vec!["x"; 50_000].join("-");
        assert_eq!(parse(&unknown, &known).unwrap(), [Term { weight: 1.0, token: unknown }]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[ab\\-+*×'\" 2.−法]{0,30}") {
            if let Ok(terms) = parse(&text, &known) {
                prop_assert!(terms.iter().all(|term| term.weight != 0.0 && term.weight.is_finite()));
            }
        }

        #[test]
        fn quoted_terms_are_read_back(terms in prop::collection::vec((-9i8..10, "[^\"]{1,9}"), 1..6)) {
            let terms: Vec<_> = terms.into_iter().filter(|(weight, _)| *weight != 0).collect();
            let text: String = terms.iter().map(|(w, t)| {
                format!("{} {} * \"{t}\"", if *w < 0 { '-' } else { '+' }, w.unsigned_abs())
            }).collect();
            prop_assume!(!terms.is_empty());
            let read = parse(&text, &|_| false).unwrap();
            let read: Vec<_> = read.into_iter().map(|term| (term.weight as i8, term.token)).collect();
            prop_assert_eq!(read, terms);
        }
    }
}
