//! What the fields of a record are needed for, and the way from one that is needed to the next.

/// What one field is needed for: the index of the feature that it is, and its place among the kept columns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Role {
    pub feature: Option<usize>,
    pub kept: Option<usize>,
}

/// The way through a record of which not all fields are needed.
#[derive(Clone, Debug)]
pub struct Steps {
    pub needed: Vec<Step>,
    /// How many fields stand behind them.
    pub behind: usize,
}

/// A field that is read or kept, and how many stand in front of it that nobody needs.
#[derive(Clone, Debug)]
pub struct Step {
    pub skipped: usize,
    pub role: Role,
}

impl Steps {
    pub fn of(roles: &[Role]) -> Steps {
        let mut steps = Steps {
            needed: Vec::new(),
            behind: 0,
        };
        for role in roles {
            match role.feature.or(role.kept) {
                None => steps.behind += 1,
                Some(_) => steps.needed.push(Step {
                    skipped: std::mem::take(&mut steps.behind),
                    role: *role,
                }),
            }
        }
        steps
    }
}
