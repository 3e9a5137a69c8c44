//! Tables of selections, and the law.
