//! Layers that are mirrored: from a registry that does as it is told, and from our own server.

mod alone;
mod audits;
mod beside;
mod harm;
mod index;
mod keep;
mod kills;
mod kind;
mod listings;
mod lost;
mod modes;
mod named;
mod network;
mod notices;
mod numbers;
mod prune;
mod removed;
mod saved;
mod selecting;
mod tls;
mod upstream;
mod world;
mod zips;
