//! A small deterministic mutator: what libFuzzer does, without looking at coverage.

/// Draws mutated inputs.
pub(crate) struct Mutator {
    corpus: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    state: u64,
}

/// Inputs stay below this length.
const LONGEST: usize = 64 * 1024;

impl Mutator {
    pub(crate) fn new(corpus: Vec<Vec<u8>>, words: Vec<Vec<u8>>) -> Self {
        Self {
            corpus,
            words,
            state: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// The next input: one of the corpus with one to eight changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let from = self.below(self.corpus.len());
        let mut input = self.corpus.get(from).cloned().unwrap_or_default();
        for _ in 0..=self.below(8) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let length = self.below(input.len() - at + 1).min(self.below(32) + 1);
        match self.below(7) {
            0 => {
                let bit = self.below(8);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            1 => {
                let value = self.byte();
                input.splice(at..at, [value]);
            }
            2 => drop(input.drain(at..at + length)),
            3 => {
                let piece: Vec<u8> = input.iter().skip(at).take(length).copied().collect();
                let times = self.below(64);
                input.splice(at..at, piece.repeat(times));
            }
            4 => input.truncate(at),
            5 => {
                let other = self.below(self.corpus.len());
                let tail = self.corpus.get(other).cloned().unwrap_or_default();
                let from = self.below(tail.len() + 1);
                input.truncate(at);
                input.extend(tail.iter().skip(from));
            }
            _ => {
                let word = self.below(self.words.len());
                let word = self.words.get(word).cloned().unwrap_or_default();
                let end = if self.below(2) == 0 { at } else { at + length };
                input.splice(at..end, word);
            }
        }
    }

    fn byte(&mut self) -> u8 {
        let [byte, ..] = self.draw().to_be_bytes();
        byte
    }

    /// A number below `end`; 0 if there is none.
    fn below(&mut self, end: usize) -> usize {
        let drawn = usize::try_from(self.draw() >> 33).unwrap_or_default();
        drawn.checked_rem(end).unwrap_or_default()
    }

    fn draw(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// The word of a line of a libFuzzer dictionary, unless it is empty or a comment.
pub(crate) fn word(line: &str) -> Option<Vec<u8>> {
    let quoted = line.trim().strip_prefix('"')?.strip_suffix('"')?;
    let mut word = Vec::new();
    let mut rest = quoted.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            word.push(byte);
            continue;
        }
        match rest.next()? {
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                let text = std::str::from_utf8(&digits).ok()?;
                word.push(u8::from_str_radix(text, 16).ok()?);
            }
            escaped => word.push(escaped),
        }
    }
    Some(word)
}
