"""A driver's conversation with a language model: what it is told, what it may call, how its answers are asked for and kept.

No vendor is imported here: a request and an answer are plain JSON values in the form of Anthropic's Messages API, and
whoever can answer one (an endpoint, a recording) is given as a function.
"""
