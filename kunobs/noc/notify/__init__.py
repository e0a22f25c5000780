"""From a decision to a person: texts, channels, attempts. So far only what every channel needs of a text.

split       a text into messages that a provider takes: limits are bytes, and markup is not torn
"""
