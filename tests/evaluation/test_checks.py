from nmt.evaluation.checks import suspicions

REFERENCES = [["The black cat is on the mat.", "A dog sleeps, I think."]]


def test_plain_text_is_not_suspected():
    assert suspicions(["The cat is on the mat.", "A dog ... sleeps!"], REFERENCES) == []
    assert suspicions(["Où est le chat ?", "Il dort : enfin !"], REFERENCES) == []
    assert suspicions([], [[]]) == []
    assert suspicions(["", ""], REFERENCES) == []


def test_subwords():
    for text in ("▁The ▁cat", "The bl@@ ack cat", "bl@@"):
        (warning,) = suspicions(["Fine.", text], REFERENCES)
        assert warning.startswith(f"hypotheses look like subwords, line 2: {text!r}")


def test_tokenised():
    (warning,) = suspicions(["The cat is on the mat .", "A dog , I think ."], REFERENCES)
    assert warning.startswith("hypotheses look tokenised, line 1: 'The cat is on the mat .'")


def test_lower_case():
    lower = ["the cat is on the mat.", "a dog sleeps."]
    (warning,) = suspicions(lower, REFERENCES)
    assert "no capital letter" in warning
    assert suspicions(lower, [[line.lower() for line in REFERENCES[0]]]) == []
    assert suspicions(["猫はマットの上。", "犬は寝る。"], REFERENCES) == []


def test_case_that_is_not_compared_cannot_be_wrong():
    assert suspicions(["the cat is on the mat.", "a dog."], REFERENCES, lowercase=True) == []
