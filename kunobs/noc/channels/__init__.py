"""The ways to people: one file each, all with the contract of `kunobs.noc.notify.contract`.

wecom_robot   a group, by WeCom's robot           wecom_app     one person, with buttons, and its callback
wechat        a follower of an official account   mail          SMTP, a second server, an answer for each recipient
phone         a call by an HTTP gateway           webhook       any other system
"""
