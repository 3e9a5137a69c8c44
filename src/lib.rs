#![doc = include_str!("ARCHITECTURE.md")]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests prepare and look at files by themselves"))]

// The rooms, in the order in which data flows through them. A room imports only rooms above it; a test holds that.

// What everything stands on: files, digests, compression, media types, problems, progress. Knows nothing of packages.
pub mod base;
// Signatures of packages: trusted keys, and verdicts by Kibana's rules.
pub mod openpgp;
// How the registry spells things: versions, constraints and JSON. (Its YAML is the crate `yaml11`.)
pub mod dialect;
// One package: from its files to facts, list element and document, or to problems.
pub mod package;
// What people ask for: the configuration file, layers, distributions, limits, policies, clients; and the settings of a run.
pub mod config;
// Where packages come from: folders, zips and git branches are searched, looked at and opened.
pub mod input;
// Where contents go: every distinct file and folder once, named by its digest.
pub mod store;
// What is known: a record for each package that was read, and the merged versions of a distribution.
pub mod catalog;
// What is asked: filters and latest versions, the routing tables that hold every answer, the settings of Kibana.
pub mod answers;
// What a fleet needs: which versions a selection chooses, and why; what sites have installed.
pub mod select;
// What is served: the document root with its answers, documents and pages, its manifest and its report.
pub mod site;
// Who serves it: configurations of web servers and edges, made from the routing tables.
pub mod hosts;
// Complete builds side by side: writing one, switching to it, pinning it as a release, forgetting it.
pub mod generation;
// What changed: what distributions held and hold, differences, histories, and what policies say to them.
pub mod compare;
// From settings to generations in use: the pipeline, the check, the proof by a second build.
pub mod build;
// Changes of layers: packages are added, promoted and removed.
pub mod edit;
// Layers that are filled from registries: listings become plans, plans become checked zips in their places.
pub mod mirror;
// Generations taken elsewhere: to object stores, as bundles, as images.
pub mod carry;
// The built-in web server.
pub mod serve;
// The command line.
pub mod cli;
