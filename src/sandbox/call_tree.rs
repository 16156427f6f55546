//! A list of system calls as a program for the kernel's filter. It is a search tree over their numbers: the kernel runs
//! a program once for each number that there is when it is put on, and again for each call that it can't decide by
//! its number alone. Knows no call.

use std::collections::BTreeMap;

use seccompiler::sock_filter;

/// What a call is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is made.
    Made,
    /// This error.
    Error(i32),
    /// This error, where all conditions of one of the lists hold.
    ErrorIf(i32, Vec<Vec<Condition>>),
}

/// What an argument must be like. The kernel takes the low half of such arguments alone, and so do we.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) argument: u8,
    pub(super) mask: u32,
    pub(super) value: u32,
    /// Is it to be that value, or any other?
    pub(super) is_equal: bool,
}

/// The number by which the kernel names this architecture.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_003E);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_00B7);
#[cfg(target_arch = "riscv64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_00F3);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
const ARCHITECTURE: Option<u32> = None;

/// Where the number, the architecture and the first argument of a call stand.
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const ARGUMENTS_AT: u32 = 16;
/// Where the low half of an argument begins.
const LOW_HALF: u32 = if cfg!(target_endian = "big") { 4 } else { 0 };

const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const IF_AT_LEAST: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
const GO: u32 = libc::BPF_JMP | libc::BPF_JA;
const AND: u32 = libc::BPF_ALU | libc::BPF_AND | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

/// The program that answers the calls in `answers` as they say, makes all others up to `newest`, and does not know those
/// beyond it. A call of another architecture ends the process.
pub(super) fn program(answers: &BTreeMap<u32, Answer>, newest: u32) -> Result<Vec<sock_filter>, String> {
    let architecture = ARCHITECTURE.ok_or("calls of this architecture are not known here")?;
    let mut program = vec![
        line(LOAD, ARCHITECTURE_AT),
        sock_filter { jt: 1, ..line(IF_EQUAL, architecture) },
        line(RETURN, libc::SECCOMP_RET_KILL_PROCESS),
        line(LOAD, NUMBER_AT),
    ];
    program.extend(tree(&stretches(answers, newest)));
    Ok(program)
}

fn line(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// Numbers with one answer, each stretch by its first.
fn stretches(answers: &BTreeMap<u32, Answer>, newest: u32) -> Vec<(u32, Answer)> {
    let unknown = Answer::Error(libc::ENOSYS);
    let mut found: Vec<(u32, Answer)> = vec![(0, Answer::Made)];
    let mut begin = |number: u32, answer: Answer| match found.last_mut() {
        Some(last) if last.1 == answer => {}
        Some(last) if last.0 == number => last.1 = answer,
        _ => found.push((number, answer)),
    };
    for (&number, answer) in answers.range(..=newest) {
        begin(number, answer.clone());
        begin(number + 1, Answer::Made);
    }
    begin(newest + 1, unknown);
    found
}

fn tree(stretches: &[(u32, Answer)]) -> Vec<sock_filter> {
    match stretches {
        [] => Vec::new(),
        [(_, answer)] => leaf(answer),
        more => {
            let (lower, upper) = more.split_at(more.len() / 2);
            let middle = upper[0].0;
            let (lower, upper) = (tree(lower), tree(upper));
            // a condition reaches no further than 255 lines; from there it goes as far as it must
            let over = line(GO, lower.len() as u32);
            let mut all = vec![sock_filter { jf: 1, ..line(IF_AT_LEAST, middle) }, over];
            all.extend(lower);
            all.extend(upper);
            all
        }
    }
}

fn leaf(answer: &Answer) -> Vec<sock_filter> {
    let error = |errno: i32| line(RETURN, libc::SECCOMP_RET_ERRNO | errno.unsigned_abs());
    let made = line(RETURN, libc::SECCOMP_RET_ALLOW);
    match answer {
        Answer::Made => vec![made],
        Answer::Error(errno) => vec![error(*errno)],
        Answer::ErrorIf(errno, lists) => {
            let mut all: Vec<sock_filter> = Vec::new();
            for list in lists {
                all.extend(all_of(list, error(*errno)));
            }
            all.push(made);
            all
        }
    }
}

/// Ends with `then` where all conditions hold, and goes on behind it otherwise.
fn all_of(list: &[Condition], then: sock_filter) -> Vec<sock_filter> {
    let mut all = vec![then];
    for condition in list.iter().rev() {
        let past = u8::try_from(all.len()).unwrap_or(u8::MAX);
        let (jt, jf) = if condition.is_equal { (0, past) } else { (past, 0) };
        let mut test = vec![line(LOAD, ARGUMENTS_AT + 8 * u32::from(condition.argument) + LOW_HALF)];
        if condition.mask != u32::MAX {
            test.push(line(AND, condition.mask));
        }
        test.push(sock_filter { jt, jf, ..line(IF_EQUAL, condition.value) });
        all.splice(0..0, test);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program as the kernel does; `None` where it is none.
    fn run(program: &[sock_filter], architecture: u32, number: u32, arguments: [u32; 6]) -> Option<u32> {
        let (mut at, mut held) = (0_usize, 0_u32);
        loop {
            let line = program.get(at)?;
            at += 1;
            match u32::from(line.code) {
                LOAD => {
                    held = match line.k {
                        NUMBER_AT => number,
                        ARCHITECTURE_AT => architecture,
                        other => arguments[((other - ARGUMENTS_AT - LOW_HALF) / 8) as usize],
                    };
                }
                AND => held &= line.k,
                GO => at += line.k as usize,
                IF_EQUAL | IF_AT_LEAST => {
                    let holds =
                        if u32::from(line.code) == IF_EQUAL { held == line.k } else { held >= line.k };
                    at += usize::from(if holds { line.jt } else { line.jf });
                }
                RETURN => return Some(line.k),
                _ => return None,
            }
        }
    }

    fn wanted(answers: &BTreeMap<u32, Answer>, newest: u32, number: u32, arguments: [u32; 6]) -> u32 {
        let error = |errno: i32| libc::SECCOMP_RET_ERRNO | errno.unsigned_abs();
        let holds = |condition: &Condition| {
            let value = arguments[usize::from(condition.argument)] & condition.mask;
            (value == condition.value) == condition.is_equal
        };
        match answers.get(&number) {
            _ if number > newest => error(libc::ENOSYS),
            Some(Answer::Error(errno)) => error(*errno),
            Some(Answer::ErrorIf(errno, lists)) if lists.iter().any(|list| list.iter().all(holds)) => {
                error(*errno)
            }
            _ => libc::SECCOMP_RET_ALLOW,
        }
    }

    fn condition() -> impl proptest::strategy::Strategy<Value = Condition> {
        use proptest::arbitrary::any;
        use proptest::prop_oneof;
        use proptest::strategy::{Just, Strategy as _};
        let mask = prop_oneof![Just(u32::MAX), 0..8_u32];
        (0..6_u8, mask, 0..8_u32, any::<bool>()).prop_map(|(argument, mask, value, is_equal)| Condition {
            argument,
            mask,
            value,
            is_equal,
        })
    }

    fn answer() -> impl proptest::strategy::Strategy<Value = Answer> {
        use proptest::collection::vec;
        use proptest::prop_oneof;
        use proptest::strategy::{Just, Strategy as _};
        let lists = vec(vec(condition(), 1..4), 1..12);
        prop_oneof![
            Just(Answer::Made),
            (1..40_i32).prop_map(Answer::Error),
            (1..40_i32, lists).prop_map(|(errno, lists)| Answer::ErrorIf(errno, lists)),
        ]
    }

    proptest::proptest! {
        #[test]
        fn a_program_answers_every_call_as_its_list_says(
            answers in proptest::collection::btree_map(0..130_u32, answer(), 0..90),
            newest in 100..130_u32,
            arguments in proptest::array::uniform6(0..8_u32),
        ) {
            let program = program(&answers, newest).unwrap();
            let own = ARCHITECTURE.unwrap();
            for number in (0..140).chain([u32::MAX, 0x4000_0000]) {
                let told = run(&program, own, number, arguments);
                proptest::prop_assert_eq!(told, Some(wanted(&answers, newest, number, arguments)), "{}", number);
            }
            let foreign = run(&program, own ^ 1, 0, arguments);
            proptest::prop_assert_eq!(foreign, Some(libc::SECCOMP_RET_KILL_PROCESS));
        }
    }
}
