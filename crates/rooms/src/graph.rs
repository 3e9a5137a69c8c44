//! Which uses which, as a graph: its circles and its floors.

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use std::collections::{BTreeMap, BTreeSet};

/// Who uses whom.
pub(crate) type Graph = DiGraphMap<usize, ()>;

/// A graph of these nodes and arrows; an arrow from a node to itself says nothing.
pub(crate) fn graph(nodes: impl IntoIterator<Item = usize>, arrows: impl IntoIterator<Item = (usize, usize)>) -> Graph {
    let mut graph = Graph::new();
    nodes.into_iter().for_each(|node| {
        graph.add_node(node);
    });
    arrows.into_iter().filter(|(from, to)| from != to).for_each(|(from, to)| {
        graph.add_edge(from, to, ());
    });
    graph
}

/// Groups in which each uses each other, if only through others; largest first.
pub(crate) fn circles(graph: &Graph) -> Vec<BTreeSet<usize>> {
    let mut circles: Vec<BTreeSet<usize>> =
        tarjan_scc(graph).into_iter().filter(|group| group.len() > 1).map(BTreeSet::from_iter).collect();
    circles.sort_by_key(|circle| (std::cmp::Reverse(circle.len()), circle.first().copied()));
    circles
}

/// Nodes of the longest chain of uses, where a circle counts as one node.
pub(crate) fn floors(graph: &Graph) -> usize {
    let mut floor_of: BTreeMap<usize, usize> = BTreeMap::new();
    // What a group uses comes before it.
    for group in tarjan_scc(graph) {
        let below = group.iter().flat_map(|node| graph.neighbors(*node)).filter_map(|used| floor_of.get(&used)).max();
        let floor = below.map_or(1, |below| below + 1);
        floor_of.extend(group.iter().map(|node| (*node, floor)));
    }
    floor_of.values().max().copied().unwrap_or(0)
}

/// The part of a graph between some of its nodes.
pub(crate) fn part(whole: &Graph, nodes: &BTreeSet<usize>) -> Graph {
    let arrows = whole.all_edges().map(|(from, to, ())| (from, to));
    graph(nodes.iter().copied(), arrows.filter(|(from, to)| nodes.contains(from) && nodes.contains(to)))
}
