//! The tower as an ONNX model, which ONNX Runtime and most servers of networks run.
//!
//! Input `history`: int64 [users, places], rows of the items, the newest first, -1 where there is none. Output `user`: float
//! [users, dim], what is compared with the output vectors of items. A network that reads more has the inputs `categories`: int64
//! [users, categories], `words`: int64 [users, words], both rows of its table, -1 for no word, and `numbers`: float
//! [users, 4 numbers], as [`Schema::context`](super::Schema::context) makes them. Messages are those of onnx.proto (opset 13),
//! as far as they are needed.

use super::Tower;
use super::features::A_NUMBER;
use crate::deep::Activation;
use crate::error::{Error, Result};
use prost::Message;

const FLOAT: i32 = 1;
const INT64: i32 = 7;
/// What is added to the logit of a place without an item: its weight becomes 0.
const FAR: f32 = 1e9;
/// Messages of more bytes cannot be read by anybody.
const LARGEST: usize = i32::MAX as usize;

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(string, tag = "2")]
    producer_name: String,
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<Opset>,
}

#[derive(Clone, PartialEq, Message)]
struct Opset {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    i: i64,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    ints: Vec<i64>,
    /// 2: `i`, 7: `ints`.
    #[prost(int32, tag = "20")]
    kind: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Message)]
struct Kind {
    #[prost(message, optional, tag = "1")]
    tensor: Option<TensorKind>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorKind {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(int64, optional, tag = "1")]
    value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    param: Option<String>,
}

impl Graph {
    fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let dims = dims.iter().map(|&dim| dim as i64).collect();
        self.initializer.push(Tensor { dims, data_type: FLOAT, name: name.to_owned(), raw_data });
    }

    fn integers(&mut self, name: &str, dims: &[usize], values: &[i64]) {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let dims = dims.iter().map(|&dim| dim as i64).collect();
        self.initializer.push(Tensor { dims, data_type: INT64, name: name.to_owned(), raw_data });
    }

    fn node(&mut self, op_type: &str, input: &[&str], output: &str, attribute: Vec<Attribute>) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let (input, name) = (owned(input), format!("{output}_{op_type}"));
        self.node.push(Node { input, output: vec![output.to_owned()], name, op_type: op_type.to_owned(), attribute });
    }
}

fn number(name: &str, i: i64) -> Attribute {
    Attribute { name: name.to_owned(), i, kind: 2, ..Attribute::default() }
}

fn numbers(name: &str, ints: &[i64]) -> Attribute {
    Attribute { name: name.to_owned(), ints: ints.to_vec(), kind: 7, ..Attribute::default() }
}

fn value(name: &str, elem_type: i32, width: usize) -> ValueInfo {
    let users = Dimension { value: None, param: Some("users".to_owned()) };
    let width = Dimension { value: Some(width as i64), param: None };
    let tensor = Some(TensorKind { elem_type, shape: Some(Shape { dim: vec![users, width] }) });
    ValueInfo { name: name.to_owned(), kind: Some(Kind { tensor }) }
}

impl Tower {
    /// With attention what the newest item asks of the others, added to `by_place`: `logits`. `ask_weight` and `ask_bias` hold what
    /// products are multiplied with, and zeros for pools that are not learned.
    fn attention_to_onnx(&self, graph: &mut Graph, pools: usize) {
        let Some(([weight, bias], scale)) = self.asks() else {
            graph.node("Identity", &["by_place"], "logits", vec![]);
            return;
        };
        let dim = self.width();
        for (name, matrix, dims) in
            [("ask_weight", weight, &[dim, pools * dim][..]), ("ask_bias", bias, &[pools * dim])]
        {
            let mut values = Vec::with_capacity(matrix.rows() * pools * dim);
            for row in matrix.as_slice().chunks_exact(matrix.dim()) {
                values.extend(row.iter().map(|value| value * scale));
                values.resize(values.len() + pools * dim - row.len(), 0.0);
            }
            graph.floats(name, dims, &values);
        }
        graph.integers("queries_shape", &[3], &[-1, pools as i64, dim as i64]);
        graph.node("Gather", &["rows", "first_place"], "newest", vec![number("axis", 1)]);
        graph.node("Gemm", &["newest", "ask_weight", "ask_bias"], "queries_flat", vec![]);
        graph.node("Reshape", &["queries_flat", "queries_shape"], "queries", vec![]);
        graph.node("Transpose", &["rows"], "rows_turned", vec![numbers("perm", &[0, 2, 1])]);
        graph.node("MatMul", &["queries", "rows_turned"], "by_row", vec![]);
        graph.node("Add", &["by_place", "by_row"], "logits", vec![]);
    }

    /// What is known beside the history, joined with the pools to `x0`.
    fn known_to_onnx(&self, graph: &mut Graph) {
        let (schema, dim) = (self.schema(), self.width());
        let (categories, numbers) = (schema.categories(), schema.numbers() * A_NUMBER);
        let mut parts = vec!["pools_flat"];
        if schema.rows() > 0 {
            // The last row, which -1 means, is zero.
            let rows = [self.feature_rows().as_slice(), &vec![0.0; dim]].concat();
            graph.floats("features", &[rows.len() / dim, dim], &rows);
        }
        if categories > 0 {
            graph.input.push(value("categories", INT64, categories));
            graph.integers("categories_shape", &[2], &[-1, (categories * dim) as i64]);
            graph.node("Gather", &["features", "categories"], "category_rows", vec![number("axis", 0)]);
            graph.node("Reshape", &["category_rows", "categories_shape"], "categories_flat", vec![]);
            parts.push("categories_flat");
        }
        if schema.has_words() {
            graph.input.push(value("words", INT64, self.words()));
            graph.node("Gather", &["features", "words"], "word_rows", vec![number("axis", 0)]);
            graph.node("ReduceSum", &["word_rows", "axis_1"], "word_sum", vec![number("keepdims", 0)]);
            graph.node("GreaterOrEqual", &["words", "first_place"], "is_word", vec![]);
            graph.node("Cast", &["is_word"], "word_ones", vec![number("to", i64::from(FLOAT))]);
            graph.node("ReduceSum", &["word_ones", "axis_1"], "word_count", vec![number("keepdims", 1)]);
            graph.node("Max", &["word_count", "one"], "word_count_above_0", vec![]);
            graph.node("Div", &["word_sum", "word_count_above_0"], "words_mean", vec![]);
            parts.push("words_mean");
        }
        if numbers > 0 {
            graph.input.push(value("numbers", FLOAT, numbers));
            parts.push("numbers");
        }
        graph.node("Concat", &parts, "x0", vec![number("axis", 1)]);
    }

    /// The tower as the bytes of an ONNX model.
    ///
    /// # Errors
    /// [`Error::Data`] if it has more than 2 GB, which the format cannot hold.
    pub fn onnx(&self) -> Result<Vec<u8>> {
        let mut graph = Graph { name: "tower".into(), ..Graph::default() };
        let (rows, logits) = self.served();
        let (dim, places) = (self.width(), self.places());
        let pools = logits.len() / places;
        graph.input.push(value("history", INT64, places));
        graph.output.push(value("user", FLOAT, self.dim()));
        graph.floats("items", &[rows.len() / dim, dim], &rows);
        graph.floats("places", &[1, pools, places], &logits);
        graph.integers("first_place", &[], &[0]);
        graph.floats("one", &[1], &[1.0]);
        graph.floats("far", &[1], &[FAR]);
        graph.integers("axis_1", &[1], &[1]);
        graph.integers("flat_shape", &[2], &[-1, (pools * dim) as i64]);
        // The last row, which -1 means, is zero.
        graph.node("Gather", &["items", "history"], "rows", vec![number("axis", 0)]);
        graph.node("Less", &["history", "first_place"], "is_empty", vec![]);
        graph.node("Cast", &["is_empty"], "empty", vec![number("to", i64::from(FLOAT))]);
        graph.node("Mul", &["empty", "far"], "empty_far", vec![]);
        graph.node("Unsqueeze", &["empty_far", "axis_1"], "penalty", vec![]);
        graph.node("Sub", &["places", "penalty"], "by_place", vec![]);
        self.attention_to_onnx(&mut graph, pools);
        graph.node("Softmax", &["logits"], "weights", vec![number("axis", 2)]);
        graph.node("MatMul", &["weights", "rows"], "pooled", vec![]);
        graph.node("Reshape", &["pooled", "flat_shape"], "pools_flat", vec![]);
        self.known_to_onnx(&mut graph);
        let parameters = self.parameters();
        let layers = parameters.iter().filter(|(name, _)| name.starts_with("layer")).count() / 2;
        for (name, matrix) in parameters.iter().filter(|(name, _)| name.starts_with("layer")) {
            let dims = [matrix.rows(), matrix.dim()];
            graph.floats(name, if name.ends_with("bias") { &dims[1..] } else { &dims }, matrix.as_slice());
        }
        for layer in 0..layers {
            let (weight, bias) = (format!("layer{layer}.weight"), format!("layer{layer}.bias"));
            let (x, y, next) = (format!("x{layer}"), format!("y{layer}"), format!("x{}", layer + 1));
            graph.node("Gemm", &[&x, &weight, &bias], &y, vec![]);
            let activation = if layer + 1 < layers { self.activation() } else { Activation::Identity };
            let operator = match activation {
                Activation::Identity => "Identity",
                Activation::Sigmoid => "Sigmoid",
                Activation::Tanh => "Tanh",
                Activation::Relu => "Relu",
            };
            graph.node(operator, &[&y], &next, vec![]);
        }
        let mut user = format!("x{layers}");
        if self.residual() {
            graph.node("ReduceMean", &["pooled"], "mean_pool", vec![numbers("axes", &[1]), number("keepdims", 0)]);
            graph.node("Add", &[&user, "mean_pool"], "with_residual", vec![]);
            user = "with_residual".into();
        }
        if self.length() > 0.0 {
            graph.floats("length", &[1], &[self.length()]);
            graph.floats("shortest", &[1], &[f32::MIN_POSITIVE]);
            graph.node("ReduceL2", &[&user], "norm", vec![numbers("axes", &[1]), number("keepdims", 1)]);
            graph.node("Max", &["norm", "shortest"], "norm_above_0", vec![]);
            graph.node("Div", &[&user, "norm_above_0"], "unit", vec![]);
            graph.node("Mul", &["unit", "length"], "scaled", vec![]);
            user = "scaled".into();
        }
        if self.dim() > dim {
            // A 1 a user, of the shape of anything with a row a user.
            graph.node("ReduceMax", &["empty"], "any", vec![numbers("axes", &[1]), number("keepdims", 1)]);
            graph.node("Sub", &["any", "any"], "zero", vec![]);
            graph.node("Add", &["zero", "one"], "last", vec![]);
            graph.node("Concat", &[&user, "last"], "user", vec![number("axis", 1)]);
        } else {
            graph.node("Identity", &[&user], "user", vec![]);
        }
        let opset_import = vec![Opset { domain: String::new(), version: 13 }];
        let model = Model { ir_version: 7, producer_name: "vecinity".into(), graph: Some(graph), opset_import };
        if model.encoded_len() > LARGEST {
            let what = format!("the network has {} MB, ONNX holds at most 2 GB", model.encoded_len() >> 20);
            return Err(Error::data(what, "use tower.safetensors of the model folder"));
        }
        Ok(model.encode_to_vec())
    }
}
