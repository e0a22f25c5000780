"""The human board: what is open, who is being called, and buttons for people; server-rendered, and usable without scripts.

a request   app (headers, errors) → context (who asks: session, CSRF, language) → a module of routes → render (templates, texts)
read        wall, detail, story, history, duty, health: one read of the store → dataclasses → a template
act         actions, plans: a form → the relay; link: the page behind a signed link, for people without a session
live        events: one watcher of the journal for all browsers, which then fetch the part of their page that changes
"""
