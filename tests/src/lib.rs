//! What the tests of the whole share: the Python tools with which the template is checked, and the deployed stack.
//!
//! It holds no test itself, and it talks to nothing but loopback (and to PyPI, once, for the tools).

pub mod deployed;
pub mod journey;
pub mod local;
pub mod python;
pub mod simulation;
