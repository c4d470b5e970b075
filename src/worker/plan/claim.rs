//! May this worker publish into a folder that another one marked?

use crate::spool::publish::Owner;

/// What is found where a mark points to. Only what stands on this host can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// The state folder is there, and it is that one; or it can't be told.
    Lives,
    /// It is this worker's own folder, by another path.
    Own,
    /// The mark is of another folder: it was copied or moved with what stands in this one.
    Elsewhere,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is marked as this worker's.
    Own,
    /// Nobody marked it.
    Free,
    /// Whoever marked it is no more, or is this worker under another name.
    TakeOver,
    /// It is another worker's.
    Another,
}

/// By the mark of `owner` alone; `None`: its life decides. `left`: this worker remembers that it left that mark.
pub fn by_mark(me: &Owner, owner: &Owner, left: bool) -> Option<Claim> {
    if owner == me {
        return Some(Claim::Own);
    }
    let here = owner.host == me.host;
    // A container gets another host name with each start, and keeps its state folder. Two machines of one image have the same
    // state, too, but neither remembers the other's mark.
    let me_elsewhere = left && owner.state == me.state;
    // Claimed before the first start made a ledger.
    let claimed_before = here && owner.state == me.state && owner.instance.is_empty();
    match (me_elsewhere || claimed_before, here) {
        (true, _) => Some(Claim::TakeOver),
        (false, true) => None,
        (false, false) => Some(Claim::Another),
    }
}

/// By the life of an owner on this host.
pub fn by_life(life: Life) -> Claim {
    match life {
        Life::Lives => Claim::Another,
        Life::Own | Life::Elsewhere | Life::Gone => Claim::TakeOver,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_anothers_while_its_state_folder_lives_or_it_is_on_another_host() {
        let owner = |host: &str, state: &str, instance: &str| Owner {
            host: host.into(),
            folder: "/output".into(),
            state: state.into(),
            instance: instance.into(),
        };
        let me = owner("h", "/state", "1");
        let other = |life| (owner("h", "/other", "2"), life);
        let table = [
            ("its own", (me.clone(), Life::Lives), false, Claim::Own),
            ("another's", other(Life::Lives), false, Claim::Another),
            (
                "another's, whose state was deleted",
                other(Life::Gone),
                false,
                Claim::TakeOver,
            ),
            (
                "the own state, at another path on another host",
                (owner("g", "/old", "1"), Life::Gone),
                true,
                Claim::Another,
            ),
            (
                "on another host",
                (owner("g", "/other", "2"), Life::Gone),
                false,
                Claim::Another,
            ),
            (
                "on another host, at the same path",
                (owner("g", "/state", "2"), Life::Gone),
                false,
                Claim::Another,
            ),
            (
                "the own state was deleted",
                (owner("h", "/state", "0"), Life::Gone),
                false,
                Claim::TakeOver,
            ),
            (
                "the own state, in a new container",
                (owner("g", "/state", "1"), Life::Gone),
                true,
                Claim::TakeOver,
            ),
            (
                "a clone of the machine",
                (owner("g", "/state", "1"), Life::Gone),
                false,
                Claim::Another,
            ),
            (
                "the own state was moved",
                (owner("h", "/old", "1"), Life::Gone),
                true,
                Claim::TakeOver,
            ),
            (
                "the own state, by another path",
                (owner("h", "/link", "1"), Life::Own),
                false,
                Claim::TakeOver,
            ),
            (
                "the own state was copied",
                (owner("h", "/old", "1"), Life::Lives),
                true,
                Claim::Another,
            ),
            (
                "the whole installation was copied",
                (owner("h", "/old", "1"), Life::Elsewhere),
                false,
                Claim::TakeOver,
            ),
            (
                "claimed before the first start",
                (owner("h", "/state", ""), Life::Lives),
                false,
                Claim::TakeOver,
            ),
        ];
        for (case, (owner, life), left, expected) in table {
            let claim = by_mark(&me, &owner, left).unwrap_or_else(|| by_life(life));
            assert_eq!(claim, expected, "{case}");
        }
    }
}
