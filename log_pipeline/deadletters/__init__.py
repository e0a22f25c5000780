"""Dead letters: what a leg could not deliver, and the way back.

letters.py     reads a namespace's dead letters and which of them were replayed
replay.py      one transaction puts letters on `kun.replay.<leg>` and marks them as replayed
commands.py    `kunobs deadletters list | show | replay`
"""
