//! Looks through a footer before it is decoded: the decoder believes the lengths of lists and the depth of the schema, and makes
//! room for them. <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// Of structs in structs: a footer has seven.
const DEPTH_MAX: usize = 32;

/// Of the schema: groups in groups, which are decoded by recursion.
const SCHEMA_DEPTH_MAX: usize = 64;

/// The fewest bytes of a struct in a list: an order of a column, which is a struct with an empty one in it.
const STRUCT_MIN: usize = 3;

const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// What a footer has, by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// It names the algorithm by which columns are encrypted.
    pub encrypted: bool,
}

/// Looks through a `FileMetaData`.
///
/// # Errors
/// What is wrong with it.
pub fn look(footer: &[u8]) -> Result<Looked, &'static str> {
    let mut cursor = Cursor { bytes: footer };
    let mut encrypted = false;
    let mut last = 0;
    while let Some((field, kind)) = cursor.field(&mut last)? {
        match (field, kind) {
            (2, LIST) => cursor.schema()?,
            (8, STRUCT) => {
                encrypted = true;
                cursor.skip(kind, 1)?;
            }
            _ => cursor.skip(kind, 1)?,
        }
    }
    Ok(Looked { encrypted })
}

struct Cursor<'a> {
    bytes: &'a [u8],
}

impl Cursor<'_> {
    fn byte(&mut self) -> Result<u8, &'static str> {
        let (first, rest) = self.bytes.split_first().ok_or("the footer ends early")?;
        self.bytes = rest;
        Ok(*first)
    }

    fn advance(&mut self, by: usize) -> Result<(), &'static str> {
        self.bytes = self.bytes.get(by..).ok_or("a text is longer than the footer")?;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number is too long")
    }

    fn zigzag(&mut self) -> Result<i64, &'static str> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// The next field of a struct, and of what kind it is; none at its end. `last`: the one before.
    fn field(&mut self, last: &mut i64) -> Result<Option<(i64, u8)>, &'static str> {
        let byte = self.byte()?;
        let kind = byte & 0x0f;
        if kind == 0 {
            return Ok(None);
        }
        *last = match byte >> 4 {
            0 => self.zigzag()?,
            by => last.wrapping_add(by.into()),
        };
        Ok(Some((*last, kind)))
    }

    /// The length of a list, and of what its elements are.
    fn list(&mut self) -> Result<(usize, u8), &'static str> {
        let byte = self.byte()?;
        let kind = byte & 0x0f;
        let length = match byte >> 4 {
            15 => self.varint()?,
            short => short.into(),
        };
        let least = if kind == STRUCT { STRUCT_MIN } else { 1 };
        match usize::try_from(length) {
            Ok(length) if length <= self.bytes.len() / least => Ok((length, kind)),
            _ => Err("a list is longer than the footer"),
        }
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Result<(), &'static str> {
        if depth > DEPTH_MAX {
            return Err("its structs are too deep");
        }
        match kind {
            // The value of a boolean field is its kind.
            1 | 2 => Ok(()),
            3 => self.advance(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.advance(8),
            8 => {
                let length = self.varint()?;
                self.advance(usize::try_from(length).unwrap_or(usize::MAX))
            }
            LIST | 10 => {
                let (length, kind) = self.list()?;
                (0..length).try_for_each(|_| self.element(kind, depth))
            }
            11 => {
                let length = self.varint()?;
                if length > self.bytes.len() as u64 {
                    return Err("a map is longer than the footer");
                }
                let kinds = if length > 0 { self.byte()? } else { 0 };
                (0..length).try_for_each(|_| {
                    self.element(kinds >> 4, depth)?;
                    self.element(kinds & 0x0f, depth)
                })
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind, depth + 1)?;
                }
                Ok(())
            }
            13 => self.advance(16),
            _ => Err("a field is of no known kind"),
        }
    }

    /// In a list, a boolean is a byte.
    fn element(&mut self, kind: u8, depth: usize) -> Result<(), &'static str> {
        match kind {
            1 | 2 => self.advance(1),
            kind => self.skip(kind, depth + 1),
        }
    }

    /// The schema is a tree, whose nodes stand in the order in which they are met: each says how many children follow.
    fn schema(&mut self) -> Result<(), &'static str> {
        let (length, kind) = self.list()?;
        if kind != STRUCT {
            return Err("the schema is no list of columns");
        }
        // Of each group that is open, how many of its children are still to come.
        let mut open: Vec<u64> = Vec::new();
        for place in 0..length {
            let children = self.children()?;
            if children > length as u64 {
                return Err("a group of the schema has more columns than there are");
            }
            match open.last_mut() {
                Some(left) => *left -= 1,
                None if place > 0 => return Err("the schema has columns outside of it"),
                None => {}
            }
            if children > 0 {
                open.push(children);
            }
            while open.last() == Some(&0) {
                open.pop();
            }
            if open.len() > SCHEMA_DEPTH_MAX {
                return Err("the schema is too deep");
            }
        }
        match open.is_empty() {
            true => Ok(()),
            false => Err("the schema has fewer columns than it says"),
        }
    }

    /// Of one node of the schema.
    fn children(&mut self) -> Result<u64, &'static str> {
        let (mut last, mut children) = (0, 0);
        while let Some((field, kind)) = self.field(&mut last)? {
            match (field, kind) {
                (5, 5) => children = u64::try_from(self.zigzag()?).map_err(|_| "a group has fewer than no columns")?,
                _ => self.skip(kind, 2)?,
            }
        }
        Ok(children)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A schema of a root with so many children, each with so many.
    fn schema(children: &[u8]) -> Vec<u8> {
        // Field 2, a list of structs; of each, field 4, a text, and 5, a number.
        let mut footer = vec![0x29, (children.len() as u8) << 4 | STRUCT];
        for count in children {
            footer.extend([0x48, 1, b'a']);
            if *count > 0 {
                footer.extend([0x15, count * 2]);
            }
            footer.push(0);
        }
        footer.push(0);
        footer
    }

    #[test]
    fn a_schema_is_a_tree() {
        assert_eq!(look(&schema(&[2, 0, 1, 0])), Ok(Looked { encrypted: false }));
        assert_eq!(look(&schema(&[2, 0])), Err("the schema has fewer columns than it says"));
        assert_eq!(look(&schema(&[1, 0, 0])), Err("the schema has columns outside of it"));
        assert_eq!(
            look(&schema(&[60, 0])),
            Err("a group of the schema has more columns than there are")
        );
    }

    #[test]
    fn an_algorithm_is_seen() {
        let mut footer = schema(&[1, 0]);
        footer.pop();
        footer.extend([0x6c, 0, 0]);
        assert_eq!(look(&footer), Ok(Looked { encrypted: true }));
    }

    #[test]
    fn lengths_are_held_against_the_footer() {
        // Field 4, a list of 2^31 - 1 structs.
        let list = [0x49, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0];
        assert_eq!(look(&list), Err("a list is longer than the footer"));
        assert_eq!(look(&[0x18, 0x7f, 0]), Err("a text is longer than the footer"));
        let deep = [0x1c; 100];
        assert_eq!(look(&deep), Err("its structs are too deep"));
        assert_eq!(look(&[]), Err("the footer ends early"));
    }
}
