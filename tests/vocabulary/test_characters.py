"""Numbering characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.errors import DataError
from elman.vocabulary.characters import Characters


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_decode_undoes_encode_and_numbers_follow_code_points(text):
    vocabulary = Characters.of(text)
    numbers = vocabulary.encode(text).tolist()
    assert vocabulary.decode(numbers) == text
    assert numbers == [sorted(set(text)).index(character) for character in text]


def test_an_empty_text_encodes_to_no_numbers():
    assert Characters("ab").encode("").shape == (0,)


def test_each_unseen_character_is_named_and_the_first_is_located():
    with pytest.raises(DataError) as caught:
        Characters("abc").encode("ab\U0001d11ec\x07éa")
    message = str(caught.value)
    assert "'\\x07' (U+0007)" in message
    assert "'é' (U+00E9 LATIN SMALL LETTER E WITH ACUTE)" in message
    assert "(U+1D11E MUSICAL SYMBOL G CLEF)" in message
    assert "first at offset 2" in message
    assert "\n" not in message


def test_many_unseen_characters_are_counted_not_listed():
    with pytest.raises(DataError, match=r"'0' .*'4' \(U\+0034 DIGIT FOUR\) and 5 more first at offset 0"):
        Characters("abc").encode("0123456789")


@pytest.mark.parametrize("text", ["~", "!", "\x00", "b"])
def test_characters_below_between_and_above_the_known_ones_are_unseen(text):
    with pytest.raises(DataError, match="never seen"):
        Characters("ac").encode(text)


def test_bytes_of_a_command_line_that_is_not_utf_8_are_unseen_characters():
    with pytest.raises(DataError, match=r"U\+DCE9"):
        Characters("abc").encode("a\udce9")


@pytest.mark.parametrize("characters", ["", "ba", "aab"])
def test_characters_must_be_ascending_and_different(characters):
    with pytest.raises(DataError, match="ascending"):
        Characters(characters)
