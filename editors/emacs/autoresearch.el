;;; autoresearch.el --- AutoResearch campaigns through eglot -*- lexical-binding: t; -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "30.1"))
;; Keywords: tools, languages
;; SPDX-License-Identifier: MIT

;;; Commentary:

;; Starts the language server `autoresearch lsp' at or below a program.md, and makes commands of what other editors draw
;; as code lenses, which eglot has not.  Accept and revert are code actions (`eglot-code-actions') too.

;;; Code:

(require 'eglot)

(defgroup autoresearch nil "AutoResearch campaigns." :group 'tools)

(defcustom autoresearch-command '("autoresearch" "lsp")
  "The language server's command."
  :type '(repeat string))

(defun autoresearch--campaign-p ()
  "Return non-nil in a file that the server has something to say about."
  (and buffer-file-name
       (string-match-p "\\(?:\\.py\\|/program\\.md\\|/results\\(?:-[^/]+\\)?\\.tsv\\)\\'" buffer-file-name)
       (locate-dominating-file buffer-file-name "program.md")))

;;;###autoload
(defun autoresearch-ensure ()
  "Start the server where a campaign is.
For the hooks of `python-base-mode' and `text-mode'.  Other projects keep their
own servers: the choice is made for this buffer only."
  (when (autoresearch--campaign-p)
    (setq-local eglot-server-programs
                (cons `((python-base-mode markdown-mode text-mode) . ,autoresearch-command) eglot-server-programs))
    (eglot-ensure)))

;; The server believes an edit that it asked for once it is told of it.  Eglot tells of edits when Emacs is idle, which
;; it is not while it waits for the command that asked for the edit; so these edits are told at once.
(defun autoresearch--tell (&rest _)
  "Tell the servers of every edit now."
  (dolist (buffer (buffer-list))
    (with-current-buffer buffer
      (when (and (eglot-managed-p) (eglot-current-server))
        (eglot--signal-textDocument/didChange)))))

(advice-add 'eglot--apply-workspace-edit :after #'autoresearch--tell)

(defun autoresearch-run (name &rest arguments)
  "Run the server's command NAME with ARGUMENTS, a property list; show its answer.
It is sent without waiting: Emacs must be free to apply the edit that the server
asks for."
  (let ((server (eglot-current-server))
        (given (append arguments (list :uri (eglot-path-to-uri buffer-file-name) :quiet t))))
    (unless server (user-error "No language server here; run M-x eglot"))
    (jsonrpc-async-request
     server :workspace/executeCommand
     (list :command (concat "autoresearch." name) :arguments (vector given))
     :success-fn (lambda (answer) (message "AutoResearch: %s" (plist-get answer :message)))
     :error-fn (lambda (err) (message "AutoResearch: %s" (plist-get err :message)))
     :timeout 130)))

(defmacro autoresearch--define (name command doc &rest arguments)
  "Define autoresearch-NAME with DOC: it runs the server's COMMAND with ARGUMENTS."
  `(defun ,(intern (format "autoresearch-%s" name)) ()
     ,doc
     (interactive)
     (autoresearch-run ,command ,@arguments)))

(defun autoresearch--line ()
  "Return the line at point, from 0."
  (1- (line-number-at-pos nil t)))

(autoresearch--define start "start" "Start the campaign, or continue it.")
(autoresearch--define pause "pause" "Start no new run after the present experiment.")
(autoresearch--define resume "resume" "Go on after a pause.")
(autoresearch--define stop "stop" "End the campaign's process after the present experiment.")
(autoresearch--define status "status" "Say what the campaign is doing.")
(autoresearch--define pull "pull" "Bring every kept patch into the canvas.")
(autoresearch--define next "nextHunk" "Go to the next hunk to review." :line (autoresearch--line))
(autoresearch--define previous "previousHunk" "Go to the hunk before." :line (autoresearch--line))
(autoresearch--define accept "acceptHunk" "Accept the hunk at point." :line (autoresearch--line))
(autoresearch--define accept-all "acceptAll" "Accept every hunk.")
(autoresearch--define revert "revertHunk" "Revert the hunk at point and measure its cost." :line (autoresearch--line))
(autoresearch--define undo "undoRevert" "Bring back the lines of the last revert.")
(autoresearch--define measure "measureEdit" "Measure the canvas as you edited it.")
(autoresearch--define commit "commitAccepted" "Put what was accepted on your branch.")
(autoresearch--define results "showResults" "Show the table of experiments.")
(autoresearch--define report "report" "Write report.html, results.tsv and progress.png.")

(defun autoresearch-verify ()
  "Measure the best against the baseline in fresh pairs."
  (interactive)
  (message "AutoResearch: asked to verify the gain")
  (autoresearch-run "verify"))

(defun autoresearch-show (experiment)
  "Show everything about EXPERIMENT."
  (interactive "nExperiment: ")
  (autoresearch-run "showExperiment" :experiment experiment))

(defun autoresearch-diff (experiment)
  "Show what EXPERIMENT changed."
  (interactive "nExperiment: ")
  (autoresearch-run "showDiff" :experiment experiment))

(defun autoresearch-note (text)
  "Tell the proposer TEXT."
  (interactive "sTell the proposer: ")
  (autoresearch-run "note" :text text))

(provide 'autoresearch)
;;; autoresearch.el ends here
