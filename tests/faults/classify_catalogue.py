"""Faults to plant in what a classifier reads."""

from faults.fault import Fault

SOUND = "tests/encoders/test_sound.py"
STRANDS = "tests/encoders/test_strands.py"

CLASSIFY_FAULTS = (
    Fault(
        "the other strand of a padded sequence begins in its padding",
        "encoders/strands.py",
        "torch.where(place < lengths, lengths - 1 - place, place)",
        "torch.where(place < lengths, len(steps) - 1 - place, place)",
        tests=STRANDS,
        only="the_other_strand_is_the_sequence",
    ),
    Fault(
        "the other strand is the complement, read forward",
        "encoders/strands.py",
        "numbers.get(reverse_complement(unit), UNKNOWN)",
        "numbers.get(reverse_complement(unit)[::-1], UNKNOWN)",
        tests=STRANDS,
        only="the_other_strand_is_the_sequence",
    ),
    Fault(
        "a training reads one strand alone",
        "encoders/strands.py",
        "torch.where(drawn[:, None], self.other(steps, lengths), steps)",
        "torch.where(drawn[:, None], steps, steps)",
        tests=STRANDS,
        only="in_training_each_example",
    ),
    Fault(
        "a baseline counts the strands of a k-mer apart",
        "tasks/classify/baseline/bags.py",
        "return steps if alike is None else alike[steps[:, :1]]",
        "return steps",
        tests="tests/tasks/classify/test_strands.py",
        only="have_one_answer",
    ),
    Fault(
        "a network that reads forward waits for slopes",
        "encoders/sound.py",
        "hears_all if settings.deltas is None else settings.deltas",
        "True if settings.deltas is None else settings.deltas",
        tests=SOUND,
        only="the_mean_of_a_recording_is_subtracted",
    ),
)
