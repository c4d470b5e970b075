//! PURE: where a task is tried, when again, and when it is given up.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// How often a task is tried.
pub const ATTEMPTS: u32 = 4;
/// So many failures in a row, of whatever tasks, and a node gets none for a while: what fails at once would take them all.
const ROW: u32 = 3;
const REST: Duration = Duration::from_secs(60);

/// A node of a cluster, by the engine's word.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub struct Node {
    pub id: String,
    pub host: String,
    pub address: String,
    /// For tasks; none of a head that only directs.
    pub cpus: f64,
}

/// For people: a host's name, and the address that tells two of one name apart.
impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.host, self.address)
    }
}

/// Those of one task.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    failed: u32,
    /// Where it failed, or is not to go.
    avoided: BTreeSet<String>,
}

impl Attempts {
    pub fn avoiding<'a>(nodes: impl IntoIterator<Item = &'a String>) -> Attempts {
        Attempts {
            failed: 0,
            avoided: nodes.into_iter().cloned().collect(),
        }
    }

    /// It failed there, or nobody knows where. Is it to be tried again?
    pub fn fail(&mut self, node: Option<&str>) -> bool {
        self.failed += 1;
        self.avoided.extend(node.map(String::from));
        self.failed < ATTEMPTS
    }

    /// The nodes that the next attempt is not to go to: none that could work would be worse than one where it failed.
    pub fn avoid(&self, nodes: &[Node], resting: &BTreeSet<String>) -> BTreeSet<String> {
        let all: BTreeSet<String> = self.avoided.union(resting).cloned().collect();
        [all, self.avoided.clone()]
            .into_iter()
            .find(|avoided| is_left(nodes, avoided))
            .unwrap_or_default()
    }
}

/// Does a node that can work stand outside of these?
pub fn is_left(nodes: &[Node], avoided: &BTreeSet<String>) -> bool {
    nodes.iter().any(|node| node.cpus >= 1.0 && !avoided.contains(&node.id))
}

/// Which nodes fail whatever they get.
#[derive(Debug, Default)]
pub struct Health {
    failures: HashMap<String, u32>,
    resting: HashMap<String, Instant>,
}

impl Health {
    pub fn succeed(&mut self, node: &str) {
        self.failures.remove(node);
        self.resting.remove(node);
    }

    /// True if it gets no more from now on, for a while.
    pub fn fail(&mut self, node: &str, now: Instant) -> bool {
        let failures = self.failures.entry(node.into()).or_default();
        *failures += 1;
        *failures >= ROW && self.resting.insert(node.into(), now + REST).is_none()
    }

    pub fn resting(&mut self, now: Instant) -> BTreeSet<String> {
        self.resting.retain(|_, until| *until > now);
        self.resting.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(ids: &[&str]) -> Vec<Node> {
        let node = |id: &&str| Node {
            id: id.to_string(),
            host: id.to_string(),
            address: String::new(),
            cpus: if *id == "head" { 0.0 } else { 2.0 },
        };
        ids.iter().map(node).collect()
    }

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| id.to_string()).collect()
    }

    #[test]
    fn a_task_goes_where_it_has_not_failed_while_there_is_such_a_node() {
        let mut task = Attempts::default();
        assert_eq!(task.avoid(&nodes(&["a", "b"]), &set(&[])), set(&[]));
        assert!(task.fail(Some("a")));
        assert_eq!(task.avoid(&nodes(&["head", "a", "b"]), &set(&[])), set(&["a"]));
        // Nobody is left but a head without CPUs.
        assert_eq!(task.avoid(&nodes(&["head", "a"]), &set(&[])), set(&[]));
        // A node that rests is better than one where it failed.
        assert_eq!(task.avoid(&nodes(&["a", "b"]), &set(&["b"])), set(&["a"]));
        assert_eq!(task.avoid(&nodes(&["a", "b", "c"]), &set(&["b"])), set(&["a", "b"]));
        assert!(task.fail(None) && task.fail(Some("b")) && !task.fail(Some("c")));
    }

    #[test]
    fn a_node_that_fails_whatever_it_gets_rests() {
        let (mut health, now) = (Health::default(), Instant::now());
        assert!(!health.fail("a", now) && !health.fail("a", now));
        health.succeed("a");
        assert!(!health.fail("a", now) && !health.fail("a", now) && health.fail("a", now));
        assert_eq!(health.resting(now), set(&["a"]));
        assert_eq!(health.resting(now + REST), set(&[]));
        // It is tried again, and still fails.
        assert!(health.fail("a", now + REST) && !health.fail("a", now + REST));
    }
}
