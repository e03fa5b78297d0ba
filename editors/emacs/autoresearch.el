;;; autoresearch.el --- AutoResearch campaigns through eglot -*- lexical-binding: t; -*-

;; Version: 0.1
;; Package-Requires: ((emacs "29.1"))

;;; Commentary:

;; Eglot draws no code lenses, so the commands of the server are also commands here.
;; Accept and revert are code actions (`eglot-code-actions') too.  Eglot tells the server of an edit once Emacs is
;; idle; while it waits for a command's answer it is not, and the server, which believes an edit only when it is told
;; of it, would call the edit failed.  So the edits that a server asks for are told at once here.

;;; Code:

(require 'eglot)
(require 'seq)

(defun autoresearch--campaign-p ()
  "Return non-nil in a file at or below a program.md."
  (and buffer-file-name (locate-dominating-file buffer-file-name "program.md")))

(defun autoresearch--tell (&rest _)
  "Tell the servers of every edit now."
  (dolist (buffer (buffer-list))
    (with-current-buffer buffer
      (when (and (eglot-managed-p) (eglot-current-server)) (eglot--signal-textDocument/didChange)))))

(advice-add 'eglot--apply-workspace-edit :after #'autoresearch--tell)

(defun autoresearch-ensure ()
  "Start the server where a campaign is; for `python-base-mode-hook' and the mode of Markdown files."
  (when (autoresearch--campaign-p) (eglot-ensure)))

(defun autoresearch-run (name &rest arguments)
  "Run the server's command NAME with ARGUMENTS, a property list; show and return its answer.
The command is sent without waiting: Emacs must be free to apply the edit that the server asks for."
  (let ((server (eglot-current-server))
        (given (append arguments (list :uri (eglot-path-to-uri buffer-file-name) :quiet t))))
    (unless server (user-error "No language server here; run M-x eglot"))
    (jsonrpc-async-request
     server :workspace/executeCommand
     (list :command (concat "autoresearch." name) :arguments (vector given))
     :success-fn (lambda (answer) (message "AutoResearch: %s" (plist-get answer :message)))
     :error-fn (lambda (err) (message "AutoResearch: %s" (plist-get err :message)))
     :timeout 130)))

(defmacro autoresearch--define (name doc &rest arguments)
  "Define the command autoresearch-NAME with DOC, which runs the server's NAME with ARGUMENTS."
  `(defun ,(intern (format "autoresearch-%s" (car name))) ()
     ,doc (interactive) (autoresearch-run ,(cdr name) ,@arguments)))

(autoresearch--define ("start" . "start") "Start or continue the campaign.")
(autoresearch--define ("pause" . "pause") "Start no new run after the present experiment.")
(autoresearch--define ("resume" . "resume") "Go on after a pause.")
(autoresearch--define ("stop" . "stop") "End the campaign's process after the present experiment.")
(autoresearch--define ("status" . "status") "Say what the campaign is doing.")
(autoresearch--define ("pull" . "pull") "Bring every kept patch into the canvas.")
(autoresearch--define ("accept" . "acceptHunk") "Accept the hunk at point." :line (1- (line-number-at-pos)))
(autoresearch--define ("revert" . "revertHunk") "Revert the hunk at point and measure its price."
                      :line (1- (line-number-at-pos)))
(autoresearch--define ("undo" . "undoRevert") "Bring back the lines of the last revert.")
(autoresearch--define ("results" . "showResults") "Show the table of experiments.")
(autoresearch--define ("report" . "report") "Write report.html, results.tsv and progress.png.")

(defun autoresearch-note (text)
  "Tell the proposer TEXT."
  (interactive "sTell the proposer: ")
  (autoresearch-run "note" :text text))

(provide 'autoresearch)
;;; autoresearch.el ends here
