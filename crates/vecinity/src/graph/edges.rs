//! Edge lists: a line an edge, with the nodes it leads from and to, and perhaps its weight.
//!
//! Fields stand between tabs, commas, semicolons or white space, whichever the first line has. Lines that begin with `#` or `%`
//! are comments. A first line of names is a header; it may put the columns in another order.

use super::{Edge, Graph};
use crate::corpus::Source;
use crate::error::{Error, Place, Result, shown};
use crate::stop;
use crate::vocab::Vocab;
use std::io::{BufRead, BufReader, Read};

/// Bytes of the longest line.
const LONGEST: u64 = 1 << 20;
/// Lines after which it is looked whether to go on.
const BETWEEN_CHECKS: u64 = 1 << 16;
/// Names of columns, in lower case.
const FROM: [&str; 5] = ["from", "source", "src", "node1", "id1"];
const TO: [&str; 5] = ["to", "target", "dst", "node2", "id2"];
const WEIGHT: [&str; 4] = ["weight", "count", "value", "strength"];

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Files read.
    pub files: usize,
    /// Bytes read, after unpacking.
    pub bytes: u64,
    /// Lines with an edge.
    pub lines: u64,
    /// Edges from a node to itself, which lead nowhere and are left out.
    pub loops: u64,
}

/// Reads a graph from edge lists.
///
/// * `directed`: edges lead from the first to the second node only.
///
/// # Errors
/// [`Error::Input`] with the line of a mistake; [`Error::Data`] if there is no edge; [`Error::Io`].
pub fn read(sources: &[Source], directed: bool) -> Result<(Graph, Report)> {
    let mut reading = Reading {
        nodes: Vocab::default(),
        edges: Vec::new(),
        report: Report { files: sources.len(), ..Report::default() },
    };
    for source in sources {
        reading.source(source)?;
    }
    let Reading { nodes, edges, report } = reading;
    Ok((Graph::new(nodes, edges, directed)?, report))
}

/// How the lines of a file are taken apart.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Absent: white space.
    separator: Option<u8>,
    from: usize,
    to: usize,
    weight: usize,
    /// Whether a header says which columns there are: others may stand beside them then.
    named: bool,
}

struct Reading {
    nodes: Vocab,
    edges: Vec<Edge>,
    report: Report,
}

impl Reading {
    fn source(&mut self, source: &Source) -> Result<()> {
        let mut from = BufReader::with_capacity(1 << 20, source.open()?);
        let (mut line, mut number, mut layout) = (Vec::new(), 0, None);
        loop {
            line.clear();
            let read = from.by_ref().take(LONGEST + 1).read_until(b'\n', &mut line);
            let bytes = read.map_err(Error::io(source.path(), "read"))? as u64;
            if bytes == 0 {
                return Ok(());
            }
            number += 1;
            if number % BETWEEN_CHECKS == 0 {
                stop::check()?;
            }
            self.report.bytes += bytes;
            let wrong = |what: String, advice: &str| Error::input(Place::line(source.path(), number), what, advice);
            if bytes > LONGEST {
                return Err(wrong(format!("longer than {LONGEST} bytes"), "expected a line an edge: from, to, weight"));
            }
            let text = std::str::from_utf8(&line)
                .map_err(|_| wrong("not UTF-8".into(), "convert it, for example: iconv -f latin1 -t utf-8"))?;
            let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\n', '\r']);
            if text.trim().is_empty() || text.trim_start().starts_with(['#', '%']) {
                continue;
            }
            let layout = match layout {
                Some(layout) => layout,
                None => {
                    let (found, header) = Layout::find(text);
                    layout = Some(found);
                    if header {
                        continue;
                    }
                    found
                }
            };
            self.edge(text, layout).map_err(|what| {
                wrong(
                    what,
                    "expected an edge a line: from, to and perhaps a weight above 0, between tabs, commas or spaces",
                )
            })?;
        }
    }

    fn edge(&mut self, text: &str, layout: Layout) -> std::result::Result<(), String> {
        let fields = layout.fields(text);
        if fields.len() < 2 {
            return Err(format!("one field, '{}'", shown(text)));
        }
        if fields.len() > 3 && !layout.named {
            return Err(format!("{} fields, of which nobody says what they are; a header of names does", fields.len()));
        }
        let field = |at: usize| fields.get(at).map(|field| field.trim()).filter(|field| !field.is_empty());
        let (Some(from), Some(to)) = (field(layout.from), field(layout.to)) else {
            return Err("an edge without one of its nodes".to_owned());
        };
        let weight = match field(layout.weight) {
            None => 1.0,
            Some(text) => match text.parse::<f32>() {
                Ok(weight) if weight > 0.0 && weight.is_finite() => weight,
                _ => return Err(format!("the weight is '{}'", shown(text))),
            },
        };
        self.report.lines += 1;
        let (from, to) = (self.node(from)?, self.node(to)?);
        if from == to {
            self.report.loops += 1;
        } else {
            self.edges.push((from, to, weight));
        }
        Ok(())
    }

    fn node(&mut self, name: &str) -> std::result::Result<u32, String> {
        match self.nodes.get(name) {
            Some(id) => Ok(id.0),
            None => self.nodes.push(name, 0).map(|id| id.0).map_err(|error| error.to_string()),
        }
    }
}

impl Layout {
    /// The layout by the first line, and whether that is a header.
    fn find(text: &str) -> (Self, bool) {
        let separator = [b'\t', b',', b';'].into_iter().find(|&separator| text.as_bytes().contains(&separator));
        let mut layout = Self { separator, from: 0, to: 1, weight: 2, named: false };
        let fields: Vec<String> = layout.fields(text).iter().map(|field| field.trim().to_lowercase()).collect();
        let find = |names: &[&str]| fields.iter().position(|field| names.contains(&field.as_str()));
        if let (Some(from), Some(to)) = (find(&FROM), find(&TO)) {
            let weight = find(&WEIGHT).unwrap_or(usize::MAX);
            layout = Self { from, to, weight, named: true, ..layout };
        }
        let no_weight = fields.len() == 3 && fields[2].parse::<f32>().is_err();
        (layout, layout.named || no_weight)
    }

    fn fields(self, text: &str) -> Vec<String> {
        let Some(separator) = self.separator else { return text.split_whitespace().map(str::to_owned).collect() };
        if !text.contains('"') {
            return text.split(char::from(separator)).map(str::to_owned).collect();
        }
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let record = reader.records().next().and_then(std::result::Result::ok).unwrap_or_default();
        record.iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(text: &str, directed: bool) -> Result<(Graph, Report)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edges.txt");
        std::fs::write(&path, text).unwrap();
        read(&[Source::File(path)], directed)
    }

    fn shown_edges(text: &str) -> Vec<String> {
        let (graph, _) = graph(text, true).unwrap();
        let name = |node: u32| graph.nodes().token(crate::TokenId(node)).to_owned();
        let edges =
            (0..graph.nodes().len() as u32).flat_map(|from| graph.neighbors(from).iter().map(move |&to| (from, to)));
        edges.map(|(from, to)| format!("{}>{}", name(from), name(to))).collect()
    }

    #[test]
    fn edges_are_read_however_they_are_written() {
        for text in [
            "a b 2\nb c 1\n",
            "# a comment\n\u{20}\na\tb\t2\r\nb\tc\t1\r\n",
            "\u{feff}Source,Target,Weight\na,b,2\nb,c,1",
            "weight;to;from;colour\n2;b;a;red\n1;c;b;blue\n",
            "\"a\",\"b\",2\n\"b\",c,\n",
            "one,other,how much\na,b,2\nb,c,1\n",
        ] {
            assert_eq!(shown_edges(text), ["a>b", "b>c"], "{text}");
        }
        assert_eq!(shown_edges("007 7\n"), ["007>7"]);
        let (_, report) = graph("a a\na b\n", false).unwrap();
        assert_eq!((report.lines, report.loops), (2, 1));
    }

    #[test]
    fn mistakes_are_said_with_their_line() {
        for (text, says) in [
            ("a b\nc\n", "edges.txt, line 2: one field, 'c'"),
            ("a b 1\na c -1\n", "line 2: the weight is '-1'"),
            ("a b 1\na c nan\n", "line 2: the weight is 'nan'"),
            ("a b 1 9\n", "line 1: 4 fields"),
            ("a\tb\n\tb\n", "line 2: an edge without one of its nodes"),
            ("", "the graph has no edges"),
            ("a a\n", "the graph has no edges"),
        ] {
            let message = graph(text, true).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
        let long = format!("{} b\n", "a".repeat(2 << 20));
        let message = graph(&long, true).unwrap_err().to_string();
        assert!(message.contains("line 1: longer than 1048576 bytes"), "{message}");
    }
}
