//! Files in the form of Elastic's tool for distributions.
