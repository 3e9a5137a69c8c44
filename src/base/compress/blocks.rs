//! Finds the ends of the blocks of a deflate stream (RFC 1951), so that streams can be joined.
//!
//! Walks over codes without unpacking anything. Knows nothing of gzip.

/// The bits at which the last block of a stream begins and ends; `None` for what is no whole stream.
pub(super) fn last_block(stream: &[u8]) -> Option<(usize, usize)> {
    let mut bits = Bits { stream, at: 0 };
    loop {
        let begin = bits.at;
        let is_last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let size = bits.take(16)?;
                bits.skip(16 + 8 * size as usize)?;
            }
            1 => bits.symbols(&Code::new(&fixed_lengths()), &Code::new(&[5; 32]))?,
            2 => {
                let (literals, distances) = bits.codes()?;
                bits.symbols(&literals, &distances)?;
            }
            _ => return None,
        }
        if is_last {
            return Some((begin, bits.at));
        }
    }
}

/// Lengths of the codes that a stream need not describe.
fn fixed_lengths() -> [u8; 288] {
    std::array::from_fn(|symbol| match symbol {
        0..144 | 280..288 => 8,
        144..256 => 9,
        _ => 7,
    })
}

/// A prefix code: by the next bits of the stream, the symbol and in its lowest four bits the length of its code.
struct Code {
    bits: u32,
    table: Vec<u16>,
}

impl Code {
    /// The code of which these are the lengths, at most 15; 0 is a symbol without a code.
    fn new(lengths: &[u8]) -> Self {
        let longest = lengths.iter().copied().max().unwrap_or_default();
        let mut table = vec![0; 1 << longest];
        let mut code = 0_u16;
        for length in 1..=longest {
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, own)| **own == length) {
                // Codes stand in the stream with their first bit lowest.
                let first = usize::from(code.reverse_bits() >> (16 - length));
                let entry = (symbol as u16) << 4 | u16::from(length);
                table.iter_mut().skip(first).step_by(1 << length).for_each(|slot| *slot = entry);
                code = code.wrapping_add(1);
            }
            code = code.wrapping_shl(1);
        }
        Self { bits: longest.into(), table }
    }
}

/// A stream that is read bit by bit.
struct Bits<'a> {
    stream: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next bits, at most 16, the first one lowest; zeros beyond the end.
    fn peek(&self, count: u32) -> u32 {
        let rest = self.stream.get(self.at / 8..).unwrap_or_default();
        let word = match rest.first_chunk() {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)),
        };
        word >> (self.at % 8) & ((1 << count) - 1)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.at += count;
        (self.at <= self.stream.len() * 8).then_some(())
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let bits = self.peek(count);
        self.skip(count as usize).map(|()| bits)
    }

    fn symbol(&mut self, code: &Code) -> Option<usize> {
        let entry = code.table[self.peek(code.bits) as usize];
        let length = usize::from(entry & 15);
        self.skip(length).filter(|()| length > 0).map(|()| usize::from(entry >> 4))
    }

    /// Goes over a block's symbols to its end.
    fn symbols(&mut self, literals: &Code, distances: &Code) -> Option<()> {
        loop {
            match self.symbol(literals)? {
                0..256 => {}
                256 => return Some(()),
                length => {
                    let more = if matches!(length, 265..285) { (length - 261) / 4 } else { 0 };
                    self.skip(more)?;
                    let distance = self.symbol(distances)?;
                    self.skip(distance.saturating_sub(2) / 2)?;
                }
            }
        }
    }

    /// The codes that a block describes.
    fn codes(&mut self) -> Option<(Code, Code)> {
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let literals = self.take(5)? as usize + 257;
        let distances = self.take(5)? as usize + 1;
        let described = self.take(4)? as usize + 4;
        let mut lengths = [0; 19];
        for position in &ORDER[..described] {
            lengths[*position] = self.take(3)? as u8;
        }
        let code = Code::new(&lengths);
        let mut lengths = Vec::new();
        while lengths.len() < literals + distances {
            let (length, count) = match self.symbol(&code)? {
                16 => (*lengths.last()?, self.take(2)? + 3),
                17 => (0, self.take(3)? + 3),
                18 => (0, self.take(7)? + 11),
                length => (length as u8, 1),
            };
            lengths.extend(std::iter::repeat_n(length, count as usize));
        }
        Some((Code::new(&lengths[..literals]), Code::new(&lengths[literals..])))
    }
}
