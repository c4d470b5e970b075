//! How the direct reader looks at bytes where there are no vectors for it; [`super::vector`] does the same by a few instructions.

/// Reads a field that is a number and nothing else; its value is correctly rounded. Whatever is unusual is left to the rule of
/// the cell.
pub fn number(field: &[u8]) -> Option<f64> {
    fast_float2::parse(field).ok().filter(|x: &f64| !x.is_nan())
}

/// Where `chunk` holds a byte: a bit for each, the first in the lowest.
pub fn equal(chunk: &[u8; 64], byte: u8) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    /// Moves the lowest bit of each byte to the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (words, _) = chunk.as_chunks::<8>();
    let bits = words.iter().map(|word| {
        let differs = u64::from_le_bytes(*word) ^ (ONES * u64::from(byte));
        let same = !(((differs & LOW) + LOW) | differs | LOW);
        (same >> 7).wrapping_mul(GATHER) >> 56
    });
    bits.enumerate().fold(0, |all, (i, bits)| all | bits << (8 * i))
}

/// Bit by bit, is the number of ones up to it odd?
pub fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Writes `base` plus the place of each one, in order. What stands behind those in `to` means nothing.
#[inline(always)]
pub fn places(mut bits: u64, base: u16, to: &mut [u16; 64]) {
    let steps = bits.count_ones().div_ceil(8) as usize;
    // Eight at a step, whether there are as many: how many there are is hard to guess.
    for places in to.as_chunks_mut::<8>().0.iter_mut().take(steps) {
        for place in places {
            *place = base + bits.trailing_zeros() as u16;
            bits &= bits.wrapping_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[cfg(target_arch = "x86_64")]
    mod by_vectors {
        use crate::format::csv::{plain, vector};

        pub fn equal(chunk: &[u8; 64], byte: u8) {
            let expected = plain::equal(chunk, byte);
            // SAFETY: the features have just been found.
            #[expect(unsafe_code)]
            unsafe {
                if vector::has_avx2() {
                    assert_eq!(vector::equal(chunk, byte), expected);
                }
                if vector::has_avx512() {
                    assert_eq!(vector::equal_512(chunk, byte), expected);
                }
            }
        }

        pub fn places(bits: u64) {
            let (mut expected, mut found) = ([0; 64], [0; 64]);
            plain::places(bits, 100, &mut expected);
            let count = bits.count_ones() as usize;
            // SAFETY: the features have just been found.
            #[expect(unsafe_code)]
            unsafe {
                if vector::has_avx2() {
                    assert_eq!(vector::parity(bits), plain::parity(bits));
                }
                if vector::has_avx512() {
                    vector::places_512(bits, 100, &mut found);
                    assert_eq!(found[..count], expected[..count]);
                }
            }
        }

        /// Of the field at the end of `text`.
        pub fn number(text: &[u8], at: usize) -> Option<f64> {
            // SAFETY: the features have just been found.
            #[expect(unsafe_code)]
            vector::has_avx2().then(|| unsafe { vector::number(text, at, text.len()) })?
        }

        /// Four fields together are what each is.
        pub fn four_numbers(text: &[u8], fields: [(usize, usize); 4]) {
            if vector::has_avx512() {
                // SAFETY: the features have just been found.
                #[expect(unsafe_code)]
                let (four, each) = unsafe {
                    let each = fields.map(|(from, to)| vector::number(text, from, to).map(f64::to_bits));
                    (vector::four_numbers(text, fields), each)
                };
                match four {
                    Some(numbers) => assert_eq!(numbers.map(|x| Some(x.to_bits())), each),
                    None => assert!(each.contains(&None) || fields.iter().any(|(from, to)| to - from > 16)),
                }
            }
        }

        /// Eight fields together are what each is.
        pub fn eight_numbers(text: &[u8], fields: [(usize, usize); 8]) {
            if vector::has_avx512() {
                let ends = fields.map(|(_, to)| to);
                // SAFETY: the features have just been found.
                #[expect(unsafe_code)]
                let (eight, each) = unsafe {
                    let each = fields.map(|(from, to)| vector::number(text, from, to).map(f64::to_bits));
                    (vector::eight_numbers(text, ends, b';'), each)
                };
                match eight {
                    Some(numbers) => assert_eq!(numbers.map(|x| Some(x.to_bits())), each),
                    None => assert!(each.contains(&None) || fields.iter().any(|(from, to)| to - from > 7)),
                }
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_are_found_where_they_stand(bytes in proptest::collection::vec(prop::sample::select(b"a,\n\0\x80\xff".to_vec()), 64)) {
            let chunk: &[u8; 64] = bytes[..].try_into().unwrap();
            for byte in *b"a,\0\xff;" {
                let found = equal(chunk, byte);
                prop_assert!((0..64).all(|i| (found >> i & 1 == 1) == (chunk[i] == byte)));
                #[cfg(target_arch = "x86_64")]
                by_vectors::equal(chunk, byte);
            }
        }

        #[test]
        fn ones_are_placed_and_counted(bits: u64, sparse: u64, shift in 0u32..64) {
            for bits in [bits, bits & sparse & sparse << 7, bits >> shift, 0, u64::MAX] {
                let mut found = [0; 64];
                places(bits, 5, &mut found);
                let expected: Vec<u16> = (0..64).filter(|i| bits >> i & 1 == 1).map(|i| i + 5).collect();
                prop_assert_eq!(&found[..expected.len()], expected);
                let odd = (0..64).filter(|&i| (bits << (63 - i)).count_ones() % 2 == 1).fold(0, |all, i| all | 1 << i);
                prop_assert_eq!(parity(bits), odd);
                #[cfg(target_arch = "x86_64")]
                by_vectors::places(bits);
            }
        }

        /// As the standard library rounds it; the vectors leave out what is long, and nothing else.
        #[cfg(target_arch = "x86_64")]
        #[test]
        fn numbers_are_correctly_rounded(
            front in "[0-9.,\"-]{0,40}",
            text in "-?[0-9]{1,17}(\\.[0-9]{1,14})?|-?0{0,9}(\\.|0\\.)?[0-9]{1,19}|-?[0-9]{1,25}\\.[0-9]{1,29}",
        ) {
            let whole = [front.as_bytes(), text.as_bytes()].concat();
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let counting = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
            let fraction = text.find('.').map_or(0, |point| text.len() - point - 1);
            let fits = match text.len() {
                ..=16 => digits <= 15 && whole.len() >= 16,
                length => length <= 32 && counting <= 19 && fraction <= 27 && whole.len() >= 33,
            };
            let read = by_vectors::number(&whole, front.len());
            let is_decimal = text.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit());
            prop_assert!(read.is_some() || !fits || !is_decimal || !super::super::vector::has_avx2());
            for x in [number(text.as_bytes()), read].into_iter().flatten() {
                prop_assert_eq!(x.to_bits(), text.parse::<f64>().unwrap().to_bits());
            }
        }

        /// Doubles come back as they were written, in full or as short as can be.
        #[cfg(target_arch = "x86_64")]
        #[test]
        fn doubles_come_back_by_vectors(mantissa: u64, size in -40i32..60, places in 0usize..26) {
            let x = f64::from_bits(mantissa & !(0x7ff << 52) | ((size + 1023) as u64) << 52);
            for text in [format!("{x}"), format!("{x:.places$}")] {
                let whole = format!("{}{text}", ",".repeat(33));
                if let Some(read) = by_vectors::number(whole.as_bytes(), 33) {
                    prop_assert_eq!(read.to_bits(), text.parse::<f64>().unwrap().to_bits());
                }
            }
        }

        #[cfg(target_arch = "x86_64")]
        #[test]
        fn four_numbers_are_read_as_each_is(
            fields in prop::array::uniform4("-?[0-9]{1,9}(\\.[0-9]{1,8})?|-|[0-9]{0,17}|[-0-9.,e]{0,9}"),
        ) {
            let text = format!("{},{}", "0".repeat(15), fields.join(","));
            let mut from = 16;
            let places = fields.each_ref().map(|field| {
                from += field.len() + 1;
                (from - 1 - field.len(), from - 1)
            });
            by_vectors::four_numbers(text.as_bytes(), places);
        }

        #[cfg(target_arch = "x86_64")]
        #[test]
        fn eight_numbers_are_read_as_each_is(
            fields in prop::array::uniform8("-?[0-9]{1,3}(\\.[0-9]{1,3})?|-?[0-9]{1,7}"),
            other in "-?[0-9]{0,9}(\\.[0-9]{0,8})?|\"[0-9;\n]{0,9}\"|[-0-9.,ex\r]{0,9}",
            place in 0usize..8,
            ends in prop::array::uniform8(prop::sample::select(b";\n".to_vec())),
            odd: bool,
        ) {
            let mut text = b"12345678901234567890123456789012;".to_vec();
            let places = std::array::from_fn(|i| {
                let from = text.len();
                text.extend_from_slice(if odd && i == place { &other } else { &fields[i] }.as_bytes());
                text.push(ends[i]);
                (from, text.len() - 1)
            });
            by_vectors::eight_numbers(&text, places);
        }

        #[cfg(target_arch = "x86_64")]
        #[test]
        fn what_is_no_number_is_none_to_vectors(front in "[0-9.-]{33}", text in "[-0-9.,e+x \"]{0,33}|[-0-9.]{0,36}|-?[0-9.]{16,33}") {
            let whole = [front.as_bytes(), text.as_bytes()].concat();
            if let Some(x) = by_vectors::number(&whole, front.len()) {
                prop_assert_eq!(number(text.as_bytes()).map(f64::to_bits), Some(x.to_bits()));
            }
        }
    }
}
