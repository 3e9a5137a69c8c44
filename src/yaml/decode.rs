//! Stage a: text to generic values, YAML 1.1.
