//! Matrices as arrays that share their memory with the library.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use vecinity::Matrix;

/// A matrix that `numpy.asarray` reads in place, mapped files included: shape `[rows, dim]`, float32, read-only.
#[pyclass(frozen, module = "vecinity._vecinity")]
pub(crate) struct View(pub(crate) Matrix);

#[pymethods]
impl View {
    /// What NumPy needs to look at the matrix where it lies; the array keeps this object alive.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        let Self(matrix) = self;
        interface.set_item("version", 3)?;
        interface.set_item("shape", (matrix.rows(), matrix.dim()))?;
        interface.set_item("typestr", if cfg!(target_endian = "little") { "<f4" } else { ">f4" })?;
        // The address, and that nothing may be written there.
        interface.set_item("data", (matrix.as_slice().as_ptr().addr(), true))?;
        Ok(interface)
    }
}
