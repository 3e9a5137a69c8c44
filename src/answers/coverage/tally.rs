//! What became of the requests of an access log, if tables alone had answered them.
//!
//! The log may be of any length and hold anything: what is kept of it is bounded, and where something is forgotten for that, the
//! most frequent stays and the rest is counted.

use super::log_line::{self, Request};
use super::proposal::{Proposals, Proposed};
use super::shape::Shape;
use crate::answers::route::model::Routes;
use crate::answers::route::query::{FILTERS, UNREAD};
use crate::answers::route::request::{Decision, Endpoint, endpoint_below, route_below};
use crate::base::shown;
use serde::Serialize;
use std::collections::BTreeMap;

/// Forms that are kept while a log is read. Beyond twice as many, those with the fewest requests are forgotten.
const MOST_FORMS: usize = 1000;
/// Clients that are kept of a form.
const MOST_AGENTS: usize = 5;
/// Characters of an example or a client that are kept.
const MOST_CHARACTERS: usize = 300;

/// Why tables do not hold a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// It is beyond the budget, and in none of the circles that are answered there.
    Budget,
    /// Its filters are not offered together.
    Filters,
    /// It is spelled in a way that is not decoded.
    Spelling,
}

impl Reason {
    fn of(text: &str) -> Self {
        match text {
            UNREAD => Self::Spelling,
            FILTERS => Self::Filters,
            _ => Self::Budget,
        }
    }
}

/// What answers refused requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Remedy {
    /// An entry of `clients` in the configuration, a larger budget, or a fallback.
    Clients,
    /// A fallback, or the server alone.
    Fallback,
}

/// Refused requests of one form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedForm {
    /// The parameters, with values left out that many requests differ in: `/search?kibana.version=<version>`.
    pub form: String,
    /// Why it is refused.
    pub reason: Reason,
    /// What would answer it.
    pub remedy: Remedy,
    /// How many requests had it.
    pub requests: u64,
    /// The first one.
    pub example: String,
    /// Who sent it, as they call themselves; a few.
    pub clients: BTreeMap<String, u64>,
}

/// What became of requests.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Lines that were read.
    pub lines: u64,
    /// Lines that tell of no request, or are too long.
    pub unreadable_lines: u64,
    /// Requests for anything but lists and counts.
    pub other_requests: u64,
    /// Requests for lists and counts, which tables answer.
    pub lookups: u64,
    /// Those that are answered.
    pub answered: u64,
    /// Those that every registry calls wrong.
    pub wrong: u64,
    /// Those that are refused.
    pub refused: u64,
    /// Refused ones, the most frequent form first.
    pub forms: Vec<RefusedForm>,
    /// Refused requests whose forms were forgotten, as there were too many.
    pub forgotten: u64,
    /// What to write into the configuration.
    pub clients: Vec<Proposed>,
    /// The same as YAML.
    pub clients_yaml: String,
    /// Requests of clients for whom nothing is proposed, as there were too many.
    pub clients_left_out: u64,
}

/// Requests that are being counted.
pub struct Tally<'a> {
    routes: &'a Routes,
    prefix: &'a str,
    outcome: Outcome,
    forms: BTreeMap<(Reason, String), RefusedForm>,
    proposals: Proposals,
}

impl<'a> Tally<'a> {
    /// Begins with no requests, for a registry that lies below a path, which is empty or has no slash at its end.
    pub fn new(routes: &'a Routes, prefix: &'a str) -> Self {
        let outcome = Outcome {
            lines: 0,
            unreadable_lines: 0,
            other_requests: 0,
            lookups: 0,
            answered: 0,
            wrong: 0,
            refused: 0,
            forms: Vec::new(),
            forgotten: 0,
            clients: Vec::new(),
            clients_yaml: String::new(),
            clients_left_out: 0,
        };
        Self { routes, prefix, outcome, forms: BTreeMap::new(), proposals: Proposals::default() }
    }

    /// Takes in a line; `None` is one that is too long.
    pub fn line(&mut self, line: Option<&[u8]>) {
        if line.is_some_and(<[u8]>::is_empty) {
            return;
        }
        self.outcome.lines += 1;
        match line.and_then(log_line::read) {
            Some(request) => self.request(&request),
            None => self.outcome.unreadable_lines += 1,
        }
    }

    fn request(&mut self, request: &Request) {
        let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
        let Some(endpoint) = endpoint_below(self.prefix, &request.path).filter(|_| is_read) else {
            self.outcome.other_requests += 1;
            return;
        };
        self.outcome.lookups += 1;
        let query = request.query.as_deref();
        match route_below(self.prefix, self.routes, "GET", &request.path, query) {
            Decision::Refuse(501, text) => self.refused(endpoint, request, Reason::of(&text)),
            Decision::Refuse(..) => self.outcome.wrong += 1,
            _ => self.outcome.answered += 1,
        }
    }

    fn refused(&mut self, endpoint: Endpoint, request: &Request, reason: Reason) {
        self.outcome.refused += 1;
        let raw = request.query.as_deref().unwrap_or_default();
        let Shape { form, wanted } = Shape::of(endpoint, raw, reason == Reason::Budget);
        let remedy = if wanted.is_some() { Remedy::Clients } else { Remedy::Fallback };
        wanted.into_iter().for_each(|wanted| self.proposals.add(wanted));
        if self.forms.len() >= 2 * MOST_FORMS {
            self.forget();
        }
        let example = || shown::printable(&format!("{}?{raw}", request.path), MOST_CHARACTERS);
        let known = self.forms.entry((reason, form)).or_insert_with_key(|(_, form)| RefusedForm {
            form: form.clone(),
            reason,
            remedy,
            requests: 0,
            example: example(),
            clients: BTreeMap::new(),
        });
        known.requests += 1;
        if let Some(agent) = &request.agent {
            let agent = shown::printable(agent, MOST_CHARACTERS);
            if known.clients.len() < MOST_AGENTS || known.clients.contains_key(&agent) {
                *known.clients.entry(agent).or_default() += 1;
            }
        }
    }

    /// Forgets the rarest half of the forms.
    fn forget(&mut self) {
        let mut counts: Vec<u64> = self.forms.values().map(|form| form.requests).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let least = counts[MOST_FORMS];
        let forgotten = &mut self.outcome.forgotten;
        self.forms.retain(|_, form| {
            let stays = form.requests > least;
            *forgotten += if stays { 0 } else { form.requests };
            stays
        });
    }

    /// What became of all.
    pub fn finish(mut self) -> Outcome {
        let mut forms: Vec<RefusedForm> = self.forms.into_values().collect();
        forms.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.form.cmp(&b.form)));
        let beyond = forms.split_off(forms.len().min(MOST_FORMS));
        self.outcome.forgotten += beyond.iter().map(|form| form.requests).sum::<u64>();
        let (clients, clients_left_out) = self.proposals.finish();
        let clients_yaml = super::proposal::yaml(&clients);
        Outcome { forms, clients, clients_left_out, clients_yaml, ..self.outcome }
    }
}
