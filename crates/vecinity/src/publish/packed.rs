//! Streams that pack what they are given: gzip or Zstandard, by the ending of a name.

use flate2::write::GzEncoder;
use std::io::{BufWriter, IntoInnerError, Result, Write};

/// Bytes gathered before they are packed.
const BUFFER: usize = 1 << 18;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    None,
    /// `.gz`.
    Gzip,
    /// `.zst`.
    Zstd,
}

impl Packing {
    /// The packing that the ending of a name asks for, and the name without it.
    ///
    /// ```
    /// use vecinity::publish::Packing;
    /// assert_eq!(Packing::of("out.txt.gz"), ("out.txt", Packing::Gzip));
    /// assert_eq!(Packing::of("out.txt"), ("out.txt", Packing::None));
    /// ```
    #[must_use]
    pub fn of(name: &str) -> (&str, Self) {
        if let Some(name) = name.strip_suffix(".gz") {
            (name, Self::Gzip)
        } else if let Some(name) = name.strip_suffix(".zst") {
            (name, Self::Zstd)
        } else {
            (name, Self::None)
        }
    }
}

/// A stream that packs what it is given; to be ended with [`Packed::finish`].
pub struct Packed<W: Write>(Inner<W>);

enum Inner<W: Write> {
    Plain(BufWriter<W>),
    Gzip(BufWriter<GzEncoder<W>>),
    Zstd(BufWriter<zstd::Encoder<'static, W>>),
}

impl<W: Write> Packed<W> {
    /// A stream into `to`.
    ///
    /// # Errors
    /// If there is no memory for the packer.
    pub fn new(packing: Packing, to: W) -> Result<Self> {
        Ok(Self(match packing {
            Packing::None => Inner::Plain(BufWriter::with_capacity(BUFFER, to)),
            Packing::Gzip => {
                Inner::Gzip(BufWriter::with_capacity(BUFFER, GzEncoder::new(to, flate2::Compression::default())))
            }
            Packing::Zstd => Inner::Zstd(BufWriter::with_capacity(BUFFER, zstd::Encoder::new(to, 0)?)),
        }))
    }

    /// Writes what is still in the packer.
    ///
    /// # Errors
    /// Those of the stream below.
    pub fn finish(self) -> Result<()> {
        match self.0 {
            Inner::Plain(mut to) => to.flush(),
            Inner::Gzip(to) => to.into_inner().map_err(IntoInnerError::into_error)?.finish()?.flush(),
            Inner::Zstd(to) => to.into_inner().map_err(IntoInnerError::into_error)?.finish()?.flush(),
        }
    }
}

impl<W: Write> Write for Packed<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match &mut self.0 {
            Inner::Plain(to) => to.write(bytes),
            Inner::Gzip(to) => to.write(bytes),
            Inner::Zstd(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match &mut self.0 {
            Inner::Plain(to) => to.flush(),
            Inner::Gzip(to) => to.flush(),
            Inner::Zstd(to) => to.flush(),
        }
    }
}
