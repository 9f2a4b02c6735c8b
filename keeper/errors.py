"""The exceptions that reach the loop, and the one a person's input raises."""


class Retry(Exception):
    """The world failed: a node did not answer, answered late or answered nonsense. Trying again later is right."""


class Halt(Exception):
    """An assumption broke: signing stops until a human has looked."""


class BadInput(Exception):
    """The operator's input cannot be used. The message says what was found, what was expected and what to do."""


class Unknown(Exception):
    """Something was sent and the chain has not yet said what became of it."""


class Unquotable(Exception):
    """A pool cannot make this swap from the state that was read. The message says what was asked and what there is."""


class Refusal(Exception):
    """The chain would revert: `code` is the contract's error or the market's reason, the message a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
