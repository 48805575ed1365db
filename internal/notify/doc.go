// Package notify tells people what happened: it renders the mails that the nouns queue (journey section 7) and delivers
// them by SMTP, or leaves them in the sandbox's inbox. A mail is queued sealed in the transaction of the change that
// causes it, rendered only at delivery, and its body is erased once it is out (design 10.4).
//
// What an attacker must not get from here: a mail with words of his own (the only partner-given text is the registered
// name), a second header or a second recipient (every value is checked for line breaks before it meets a header), a
// mail that acts when a scanner follows its links (there are no links), or an address in a log.
package notify
