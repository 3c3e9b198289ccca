"""Names become seeds."""

from idsharp.common.seeds import generator, seed_for


def test_seeds_come_from_names_and_their_order():
    assert seed_for("a", 1) == seed_for("a", "1")
    assert (
        len({seed_for("ab", "c"), seed_for("a", "bc"), seed_for("c", "ab"), seed_for("abc")}) == 4
    )
    assert 0 <= seed_for("x") < 2**63
    # Fixed, since results on disk depend on it.
    assert seed_for("pool", "mnist_3v8") == 1206130336691971332
    assert generator("a").integers(1 << 40) == generator("a").integers(1 << 40)
