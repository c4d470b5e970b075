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
    /// It is another worker's, which doesn't mind.
    Shared,
    /// It is another worker's.
    Refused,
}

/// `life`: of the owner, if it is to be known; `running`: this worker has marked the folder already; `shared`: as the
/// configuration has it.
pub fn claim<E>(
    me: &Owner,
    owner: Option<&Owner>,
    life: impl FnOnce(&Owner) -> Result<Life, E>,
    running: bool,
    shared: bool,
) -> Result<Claim, E> {
    let Some(owner) = owner else {
        return Ok(Claim::Free);
    };
    if owner == me {
        return Ok(Claim::Own);
    }
    let here = owner.host == me.host;
    // A container gets another host name with each start, and keeps its state folder.
    let me_elsewhere = owner.instance == me.instance && owner.state == me.state && !running;
    // Claimed before the first start made a ledger.
    let claimed_before = here && owner.state == me.state && owner.instance.is_empty();
    Ok(
        match me_elsewhere || claimed_before || here && life(owner)? != Life::Lives {
            true => Claim::TakeOver,
            false if shared => Claim::Shared,
            false => Claim::Refused,
        },
    )
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
            ("another's", other(Life::Lives), false, Claim::Refused),
            (
                "another's, whose state was deleted",
                other(Life::Gone),
                false,
                Claim::TakeOver,
            ),
            (
                "another's, taken over while it runs",
                other(Life::Lives),
                true,
                Claim::Refused,
            ),
            (
                "on another host",
                (owner("g", "/other", "2"), Life::Gone),
                false,
                Claim::Refused,
            ),
            (
                "on another host, at the same path",
                (owner("g", "/state", "2"), Life::Gone),
                false,
                Claim::Refused,
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
                false,
                Claim::TakeOver,
            ),
            (
                "a clone of the machine",
                (owner("g", "/state", "1"), Life::Gone),
                true,
                Claim::Refused,
            ),
            (
                "the own state was moved",
                (owner("h", "/old", "1"), Life::Gone),
                false,
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
                false,
                Claim::Refused,
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
        let found =
            |owner: Option<&Owner>, life, running, shared| claim(&me, owner, |_| Ok::<_, ()>(life), running, shared);
        for (case, (owner, life), running, expected) in table {
            assert_eq!(found(Some(&owner), life, running, false), Ok(expected), "{case}");
            let shared = match expected {
                Claim::Refused => Claim::Shared,
                other => other,
            };
            assert_eq!(found(Some(&owner), life, running, true), Ok(shared), "{case}, shared");
        }
        assert_eq!(found(None, Life::Lives, true, false), Ok(Claim::Free));
        let unknown = claim(&me, Some(&owner("h", "/other", "2")), |_| Err("EIO"), false, true);
        assert_eq!(unknown, Err("EIO"), "a fault that passes decides nothing");
    }
}
