//! What the fields of a record are needed for.

/// What one field is needed for: the index of the feature that it is, and its places among the kept columns and among those whose
/// places are noted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Role {
    pub feature: Option<usize>,
    pub kept: Option<usize>,
    pub noted: Option<usize>,
}

/// A field that is read, kept or noted, by its place in the record.
#[derive(Clone, Copy, Debug)]
pub struct Needed {
    pub place: usize,
    pub role: Role,
}

impl Needed {
    pub fn of(roles: &[Role]) -> Vec<Needed> {
        let needed = roles
            .iter()
            .enumerate()
            .filter(|(_, role)| role.feature.or(role.kept).or(role.noted).is_some());
        needed.map(|(place, &role)| Needed { place, role }).collect()
    }
}
