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
    /// Where it failed, or better doesn't go.
    avoided: BTreeSet<String>,
    /// Where it mustn't go.
    never: BTreeSet<String>,
}

impl Attempts {
    pub fn new(avoid: &[String], never: &[String]) -> Attempts {
        Attempts {
            failed: 0,
            avoided: avoid.iter().cloned().collect(),
            never: never.iter().cloned().collect(),
        }
    }

    /// It failed there, or nobody knows where. Is it to be tried again?
    pub fn fail(&mut self, node: Option<&str>) -> bool {
        self.failed += 1;
        self.avoided.extend(node.map(String::from));
        self.failed < ATTEMPTS
    }

    pub fn count(&self) -> u32 {
        self.failed
    }

    /// The nodes that the next attempt is not to go to: none that could work would be worse than one where it failed. None: it mustn't go
    /// to any that is there.
    pub fn avoid(&self, nodes: &[Node], resting: &BTreeSet<String>) -> Option<BTreeSet<String>> {
        let avoided: BTreeSet<String> = self.avoided.union(&self.never).cloned().collect();
        let all = avoided.union(resting).cloned().collect();
        let mut by_wish = [all, avoided, self.never.clone()].into_iter();
        let found = by_wish.find(|avoided| is_left(nodes, avoided));
        // One that nobody may have waits for nodes, as one that all may have does while there are none.
        found.or_else(|| self.never.is_empty().then(BTreeSet::new))
    }
}

/// When a task takes so long that its end is in doubt.
#[derive(Debug, Default)]
pub struct Doubt {
    /// The longest that came to an end.
    longest: Option<Duration>,
    /// When a node left the cluster last.
    left: Option<Instant>,
}

impl Doubt {
    /// A task ended in that time.
    pub fn add(&mut self, took: Duration) {
        self.longest = self.longest.max(Some(took));
    }

    /// A node left: most of what it had is told to be lost soon.
    pub fn leave(&mut self, now: Instant) {
        self.left = Some(now);
    }

    /// Is another attempt to be made? `since`: when its last one began. `told`: within that time it is told what was lost with a node.
    pub fn is_due(&self, since: Instant, now: Instant, told: Duration) -> bool {
        let was_there = self
            .left
            .is_some_and(|left| since < left && now.duration_since(left) > told);
        was_there || self.is_old(since, now)
    }

    /// Does it take much longer than any other did?
    pub fn is_old(&self, since: Instant, now: Instant) -> bool {
        /// Of a task that waits for others, too.
        const LEAST: Duration = Duration::from_secs(60);
        /// While it isn't known how long they take.
        const UNKNOWN: Duration = Duration::from_secs(1800);
        let most = self.longest.map_or(UNKNOWN, |longest| LEAST.max(8 * longest));
        now.duration_since(since) > most
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
        assert_eq!(task.avoid(&nodes(&["a", "b"]), &set(&[])).unwrap(), set(&[]));
        assert!(task.fail(Some("a")));
        assert_eq!(task.avoid(&nodes(&["head", "a", "b"]), &set(&[])).unwrap(), set(&["a"]));
        // Nobody is left but a head without CPUs.
        assert_eq!(task.avoid(&nodes(&["head", "a"]), &set(&[])).unwrap(), set(&[]));
        // A node that rests is better than one where it failed.
        assert_eq!(task.avoid(&nodes(&["a", "b"]), &set(&["b"])).unwrap(), set(&["a"]));
        assert_eq!(
            task.avoid(&nodes(&["a", "b", "c"]), &set(&["b"])).unwrap(),
            set(&["a", "b"])
        );
        assert!(task.fail(None) && task.fail(Some("b")) && !task.fail(Some("c")));
    }

    #[test]
    fn a_task_does_not_go_where_it_must_not() {
        let mut task = Attempts::new(&[], &["a".into()]);
        assert_eq!(task.avoid(&nodes(&["a", "b"]), &set(&["b"])), Some(set(&["a"])));
        assert!(task.fail(Some("b")));
        assert_eq!(task.avoid(&nodes(&["a", "b"]), &set(&[])), Some(set(&["a"])));
        assert_eq!(task.avoid(&nodes(&["a", "head"]), &set(&[])), None);
    }

    #[test]
    fn what_takes_much_longer_than_others_is_in_doubt_and_what_was_there_when_a_node_left() {
        let (begun, mut doubt) = (Instant::now(), Doubt::default());
        let after = |seconds| begun + Duration::from_secs(seconds);
        let is_due = |doubt: &Doubt, since, now| doubt.is_due(since, now, Duration::from_secs(10));
        assert!(!is_due(&doubt, begun, after(1700)) && is_due(&doubt, begun, after(1900)));
        doubt.add(Duration::from_secs(1));
        assert!(!is_due(&doubt, begun, after(59)) && is_due(&doubt, begun, after(61)));
        doubt.add(Duration::from_secs(20));
        assert!(!is_due(&doubt, begun, after(150)) && is_due(&doubt, begun, after(161)));
        doubt.leave(after(5));
        assert!(!is_due(&doubt, begun, after(14)) && is_due(&doubt, begun, after(16)));
        assert!(!is_due(&doubt, after(6), after(16)));
        // That nodes come and go says nothing of how long it takes.
        assert!(!doubt.is_old(begun, after(16)) && doubt.is_old(begun, after(161)));
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
