//! HTML around the charts: the page, its sections, tables, and the escape that everything goes through.

use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// Text as it may stand in HTML, between tags or in a quoted attribute. Titles and ids come from outside:
/// nothing of them may be taken for markup. Control characters, which HTML forbids, become `�`.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(character),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// Text from outside, which may be in any script: its direction must not turn what stands around it.
pub(super) fn foreign(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(text))
}

/// A page under construction.
#[derive(Debug)]
pub(super) struct Page(String);

impl Page {
    /// A page with its head. The policy forbids scripts and anything loaded from elsewhere: a page with
    /// titles of strangers needs no more than its own style.
    pub(super) fn new(title: &str) -> Self {
        Self(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
            escape(title)
        ))
    }

    /// Appends HTML that is already safe.
    pub(super) fn add(&mut self, html: &str) {
        self.0.push_str(html);
        self.0.push('\n');
    }

    /// Begins a section: a heading and a sentence under it (plain text; empty: none).
    pub(super) fn section(&mut self, heading: &str, about: &str) {
        let _ = writeln!(self.0, "<h2>{}</h2>", escape(heading));
        if !about.is_empty() {
            let _ = writeln!(self.0, "<p class=\"about\">{}</p>", escape(about));
        }
    }

    /// Charts side by side where there is room, each with its caption (plain text).
    pub(super) fn charts(&mut self, charts: &[(String, String)]) {
        self.0.push_str("<div class=\"charts\">\n");
        for (caption, svg) in charts {
            let _ = writeln!(self.0, "<figure><figcaption>{}</figcaption>{svg}</figure>", escape(caption));
        }
        self.0.push_str("</div>\n");
    }

    /// A table: a header (plain text) and rows of cells that are already safe. The first column is text, the others
    /// are numbers; a row can be marked.
    pub(super) fn table(&mut self, header: &[&str], rows: &[(bool, Vec<String>)]) {
        self.0.push_str("<div class=\"wide\"><table>\n<thead><tr>");
        for title in header {
            let _ = write!(self.0, "<th>{}</th>", escape(title));
        }
        self.0.push_str("</tr></thead>\n<tbody>\n");
        for (marked, cells) in rows {
            self.0.push_str(if *marked { "<tr class=\"marked\">" } else { "<tr>" });
            for cell in cells {
                let _ = write!(self.0, "<td>{cell}</td>");
            }
            self.0.push_str("</tr>\n");
        }
        self.0.push_str("</tbody></table></div>\n");
    }

    /// Names and values (plain text).
    pub(super) fn facts(&mut self, facts: &[(&str, String)]) {
        self.0.push_str("<dl>\n");
        for (name, value) in facts {
            let _ = writeln!(self.0, "<div><dt>{}</dt><dd>{}</dd></div>", escape(name), foreign(value));
        }
        self.0.push_str("</dl>\n");
    }

    /// The page as text.
    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</main>\n</body>\n</html>\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_control_characters_become_text() {
        assert_eq!(
            escape("<b onload='x'>&\"\u{0}\u{7f}é\t"),
            "&lt;b onload=&#39;x&#39;&gt;&amp;&quot;\u{fffd}\u{fffd}é\t"
        );
    }
}
